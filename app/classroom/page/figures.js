// The five kinds of questions: how one answers, and how the class's answers stand on the true figure.
// Every figure has its table; a cell, a head and a point of a curve can be chosen by boxes and sliders as well.

import { el, root, svg } from "./common.js";

const UNITS = { logit_diff: "logit difference", prob: "probability", logprob: "log probability" };
const unitOf = unit => UNITS[unit] ?? (unit || "").replace(/_/g, " ");
export const short = value => value == null ? "none" : String(Number(Number(value).toPrecision(3)));
/** A number as the lesson's sentences write it (`with_unit`): the same one must not stand there twice, as 26 and 26.5. */
export const withUnit = (value, unit) => {
  if (value == null) return "none";
  if (unit === "layer") return `layer ${value.toFixed(0)}`;
  const size = Math.abs(value);
  if (unit === "logits" || unit === "share") {
    const digits = size && Math.max(0, 2 - Math.floor(Math.log10(Number(size.toPrecision(3)))));
    const text = size && size < .01 ? "≈ 0" : `${value > 0 ? "+" : ""}${value.toFixed(digits)}`;
    return unit === "share" ? text : `${text} logits`;
  }
  return `${value.toFixed(size >= 10 || Number.isInteger(value) ? 0 : 1)} ${unitOf(unit)}`.trim();
};
const head = ([layer, number]) => `${layer}.${number}`;
const same = (a, b) => a != null && b != null && a[0] === b[0] && a[1] === b[1];

/** A number that somebody gave: as they gave it. */
const given = (value, unit) => Number.isInteger(value) || ["logits", "share"].includes(unit) ? withUnit(value, unit) : `${short(value)} ${unit}`.trim();

/** An answer in words. */
export const inText = (question, answer) => ({
  choice: () => question.choices[answer].trim(),
  number: () => given(answer, question.unit),
  cell: () => `${question.rows[answer[0]]}, ${question.columns[answer[1]]}`,
  heads: () => `${answer.length === 1 ? "head" : "heads"} ${answer.map(head).join(", ")}`,
  curve: () => `a curve that ends at ${short(answer.at(-1))}`,
})[question.kind]();

/** The question and what answers it; `changed` is called with every answer. Nothing is chosen at first. */
export const control = (question, words, answer, changed) => CONTROLS[question.kind](question, words, answer, changed);

/** The question as the projector shows it: no answer can be given there. */
export const shown = question => ({
  choice: () => el("ul", { class: "choices" }, question.choices.map(text => el("li", { class: "token" }, text))),
  number: () => el("p", {}, `A number from ${short(question.low)} to ${withUnit(question.high, question.unit)}.`),
  cell: () => grid(question.rows, question.columns, { name: "The grid to choose a cell of" }),
  heads: () => headGrid(question, { name: "The heads to choose from" }),
  curve: () => plane(question, { name: "The curve to draw" }).picture,
})[question.kind]();

const CONTROLS = {
  choice(question, words, answer, changed) {
    const option = (text, n) => el("label", {},
      el("input", { type: "radio", name: "choice", checked: answer === n, onchange: () => changed(n) }),
      el("span", { class: "token" }, text));
    return el("fieldset", { class: "choices" }, el("legend", {}, el("h2", {}, words)), question.choices.map(option));
  },

  number(question, words, answer, changed) {
    const value = el("output", { for: "number" });
    const tell = number => { value.textContent = number === undefined ? "Move the slider." : given(number, question.unit); };
    const slide = event => { const number = Number(event.target.value); tell(number); changed(number); };
    const middle = question.low + question.step * Math.round((question.high - question.low) / 2 / question.step);
    tell(answer);
    return [el("h2", {}, el("label", { for: "number" }, words)), el("p", {}, value),
      el("input", { type: "range", id: "number", min: question.low, max: question.high, step: question.step,
        value: answer ?? middle, oninput: slide, onpointerup: slide }),
      el("p", { class: "ends" }, el("span", {}, short(question.low)), el("span", {}, withUnit(question.high, question.unit)))];
  },

  cell(question, words, answer, changed) {
    let chosen = answer;
    const box = (name, labels, part) => {
      const choose = event => set(part ? [chosen?.[0] ?? 0, Number(event.target.value)] : [Number(event.target.value), chosen?.[1] ?? 0]);
      return el("select", { id: name, onchange: choose }, el("option", { value: "", disabled: true, selected: true }, "Choose"),
        labels.map((label, n) => el("option", { value: n }, label)));
    };
    const boxes = [box("row", question.rows, 0), box("column", question.columns, 1)];
    const place = el("div");
    const draw = () => {
      place.replaceChildren(grid(question.rows, question.columns, { name: "Grid: click a cell, or use the two boxes below",
        chosen: chosen ? [chosen] : [], click: cell => set(cell) }));
      boxes.forEach((one, n) => { if (chosen) one.value = chosen[n]; });
    };
    const set = cell => { chosen = cell; changed(cell); draw(); };
    draw();
    return [el("h2", {}, words), place, el("div", { class: "pick" },
      el("label", {}, "Row", boxes[0]), el("label", {}, "Column", boxes[1]))];
  },

  heads(question, words, answer, changed) {
    let chosen = answer || [];
    const place = el("div"), said = el("p", { role: "status" });
    const numbers = size => Array.from({ length: size }, (_, n) => el("option", { value: n }, n));
    const layer = el("select", { id: "layer" }, numbers(question.layers)), number = el("select", { id: "head" }, numbers(question.heads));
    const draw = () => {
      place.replaceChildren(headGrid(question, { name: "Heads: click some, or use the boxes below", chosen, click: toggle }));
      said.textContent = chosen.length ? `Chosen: ${inText(question, chosen)} (${chosen.length} of at most ${question.most}).`
        : `Choose at most ${question.most}.`;
    };
    const toggle = one => {
      const without = chosen.filter(other => !same(one, other));
      if (without.length === chosen.length) {
        if (chosen.length >= question.most) { said.textContent = `At most ${question.most}: take one away first, by clicking it again.`; return; }
        chosen = [...chosen, one];
      } else chosen = without;
      changed(chosen.length ? chosen : undefined);
      draw();
    };
    draw();
    return [el("h2", {}, words), place, el("div", { class: "pick" }, el("label", {}, "Layer", layer), el("label", {}, "Head", number),
      el("button", { type: "button", onclick: () => toggle([Number(layer.value), Number(number.value)]) }, "Add or take away")), said];
  },

  curve(question, words, answer, changed) {
    const { low, high, x } = question;
    const curve = answer ? [...answer] : x.map(() => Math.min(high, Math.max(low, 0)));
    const { picture, at, line, back } = plane(question, { name: "Draw the curve with a finger or the mouse, or use the sliders below", touch: true });
    const drawn = svg("path", { class: "drawn" }), knobs = svg("g");
    picture.append(drawn, knobs);
    const sliders = x.map((label, n) => el("input", { type: "range", min: low, max: high, step: (high - low) / 60, value: curve[n],
      "aria-label": label, oninput: event => { put(n, Number(event.target.value)); tell(); } }));
    const values = x.map(() => el("span"));
    const draw = () => {
      drawn.setAttribute("d", line(curve));
      knobs.replaceChildren(...curve.map((value, n) => svg("circle", { class: "knob", cx: at(n, value)[0], cy: at(n, value)[1], r: 4 })));
      curve.forEach((value, n) => { sliders[n].value = value; values[n].textContent = short(value); });
    };
    const put = (n, value) => { curve[n] = Number(Math.min(high, Math.max(low, value)).toPrecision(4)); };
    const tell = () => { draw(); changed(curve); };
    let last = null;
    const move = event => {
      if (event.type === "pointerdown") { picture.setPointerCapture(event.pointerId); last = null; }
      else if (!picture.hasPointerCapture(event.pointerId)) return;
      const [n, value] = back(event);
      const [from, before] = last ?? [n, value];
      for (let k = Math.min(from, n); k <= Math.max(from, n); k += 1) {
        put(k, from === n ? value : before + (value - before) * (k - from) / (n - from));
      }
      last = [n, value];
      tell();
      event.preventDefault();
    };
    for (const kind of ["pointerdown", "pointermove"]) picture.addEventListener(kind, move);
    draw();
    return [el("h2", {}, words), picture, el("details", {}, el("summary", {}, "With sliders, one for each point"),
      el("div", { class: "sliders" }, x.map((label, n) => el("label", {}, label, sliders[n], values[n]))))];
  },
};

/** The answer: sentences, the figure with the class's answers and one's own, who changed, and all of it as a table.
 *  `mine`: vote -> one's own answer. `unsaid`: no sentence on one's own answer has told what is right. */
export const reveal = (question, told, mine, unsaid) => [...answered(question, told, mine, unsaid), changes(told.shares)];
export const answered = (question, told, mine = {}, unsaid = true) => [
  sentences([unsaid && told.answer, ...told.words].filter(Boolean)),
  el("h2", {}, told.figure?.title || "The answer"), told.figure?.read ? el("p", {}, told.figure.read) : null,
  el("div", { class: question.kind === "choice" && told.figure?.behind && "both" },
    el("div", {}, drawing(question, { key: told.key, right: told.right, values: told.values, unit: told.figure?.unit, tally: told.class, first: told.first,
      mine: mine[2] ?? mine[1], each: [mine[1], mine[2]] })),
    question.kind === "choice" && told.figure?.behind && el("div", {}, numbers(told.figure.behind, told.figure.title))),
];

/** A box a sentence; on a projector, which is low, one for all. */
const sentences = all => (root.classList.contains("screen") ? [all.join(" ")] : all).map(said => el("p", { class: "said" }, said));

/** What the one number that a choice of ranges is about is read off: bars, or a curve over the layers. */
const numbers = ({ labels, values, unit, is_curve: isCurve }, title) => {
  const high = Math.max(0, ...values), below = Math.min(0, ...values), low = below && Math.min(below, -.1 * high);
  const rows = labels.map((label, n) => [label, withUnit(values[n], unit)]);
  if (isCurve) {
    const { picture, line } = plane({ x: labels.map(label => label.replace(/^before layer |^after the .*/, "")), low, high }, { name: title, unit });
    picture.append(svg("path", { class: "truth", d: line(values) }));
    return [picture, el("p", {}, "Before each layer, counted from 0."), table(["", unit], rows)];
  }
  const far = Math.max(high, -low, 1e-9);
  return el("ul", { class: "bars" }, rows.map(([label, value], n) => {
    const bar = el("i", { class: values[n] < 0 ? "real below" : "real" });
    bar.style.width = `${45 * Math.abs(values[n]) / far}%`;
    return el("li", {}, label, el("div", { class: "bar" }, bar, el("span", {}, value)));
  }));
};

/** The class's answers alone, for the teacher before the reveal. */
export const tallied = (question, tally) => drawing(question, { tally });

const drawing = (question, about) => FIGURES[question.kind](question, about);

export const changes = shares => {
  if (!shares?.of[0]) return null;
  const [[kept, lost], [won, missed]] = shares.changed || [[], []];
  const vote = n => `${shares.right[n]} of ${shares.of[n]} ${n ? "in the second vote" : "at first"}`;
  return [el("p", {}, `Right answers: ${vote(0)}${shares.of[1] ? `, ${vote(1)}` : ""}.`),
    shares.changed && el("div", { class: "scroll" }, el("table", {}, el("caption", {}, "Who changed between the votes"),
      el("thead", {}, el("tr", {}, el("td"), ["then right", "then not right"].map(text => el("th", { scope: "col" }, text)))),
      el("tbody", {}, [["first right", kept, lost], ["first not right", won, missed]].map(([name, ...counts]) =>
        el("tr", {}, el("th", { scope: "row" }, name), counts.map(count => el("td", {}, count)))))))];
};

const FIGURES = {
  choice(question, { key, values, unit, tally, first, mine }) {
    const most = Math.max(1, ...(tally || []), ...(first || []));
    const counted = (count, name) => {
      const bar = el("i", { class: name === "at first" && "before" });
      bar.style.width = `${(name ? 55 : 70) * count / most}%`;
      return el("div", { class: "bar" }, bar, el("span", {}, name ? `${count} ${name}` : count));
    };
    const row = (text, n) => {
      return el("li", {}, el("span", { class: "token" }, text.trim()), key === n && el("span", { class: "tag" }, "✓ the answer"),
        mine === n && el("span", { class: "tag" }, "yours"), values && el("span", { class: "ends" }, withUnit(values[n], unit)),
        first ? [counted(first[n], "at first"), counted(tally?.[n] ?? 0, "then")] : counted(tally?.[n] ?? 0));
    };
    return el("ul", { class: "bars" }, question.choices.map(row));
  },

  number(question, { key, unit, tally, first, mine }) {
    const { low, high } = question, wide = 340, floor = 120, left = 12;
    const at = value => left + (wide - 2 * left) * (Math.min(high, Math.max(low, value)) - low) / (high - low);
    const pitch = Math.max(6, (wide - 2 * left) * (question.step || 1) / (high - low)), bins = new Map();
    for (const [value, count] of tally || []) {
      const place = pitch > 6 ? at(value) : Math.round(at(value) / 6) * 6;
      bins.set(place, (bins.get(place) || 0) + count);
    }
    // A tower a value, which hides the line of the true one, not the other way round: the line shows above it.
    const most = Math.max(1, ...bins.values()), thick = Math.min(20, pitch - 1), total = [...bins.values()].reduce((sum, count) => sum + count, 0);
    const towers = [...bins].flatMap(([x, count]) => {
      const tall = Math.max(4, 72 * count / most);
      return [svg("rect", { class: "dot", x: x - thick / 2, y: floor - tall, width: thick, height: tall }),
        (thick > 12 || count === most) && svg("text", { class: "counted", x, y: floor - tall - 3, "text-anchor": "middle" }, count)];
    }).filter(Boolean);
    const written = key == null ? "" : withUnit(key, question.unit || unit);
    const marked = key == null ? [] : [svg("line", { class: "truth", x1: at(key), x2: at(key), y1: 16, y2: floor }),
      svg("text", { x: at(key), y: 11, "text-anchor": at(key) > wide / 2 ? "end" : "start" }, `true: ${written}`)];
    const own = mine === undefined ? [] : [svg("path", { class: "marker", d: `M${at(mine)},${floor + 4}l-6,11h12z` })];
    const ends = [low, high].map((value, n) => svg("text", { x: n ? wide - left : left, y: floor + 30, "text-anchor": n ? "end" : "start" }, withUnit(value, question.unit)));
    const [often] = [...(tally || [])].sort((one, other) => other[1] - one[1]);
    const said = often ? `; most often ${withUnit(often[0], question.unit)}, by ${often[1]} of ${total}` : "";
    return [image(`The class's answers, a tower for each${said}${written && `; true is ${written}`}`, wide, floor + 34,
      marked, towers, svg("line", { class: "axis", x1: left, x2: wide - left, y1: floor, y2: floor }), own, ends),
    legend([svg("rect", { class: "dot", x: 10, y: 2, width: 10, height: 14 }), "how many students"],
      key != null && [svg("line", { class: "truth", x1: 15, x2: 15, y1: 0, y2: 16 }), "true"],
      mine !== undefined && [svg("path", { class: "marker", d: "M15,2l-6,11h12z" }), "you"]),
    first ? table(["answer", "at first", "then"], [...new Set([...first, ...(tally || [])].map(([value]) => value))].sort((a, b) => a - b)
      .map(value => [short(value), ...[first, tally || []].map(vote => new Map(vote).get(value) ?? 0)]))
      : table(["answer", "students"], (tally || []).map(([value, count]) => [short(value), count]))];
  },

  cell(question, { mine, each, ...about }) {
    return heat(question.rows, question.columns, { ...about, mine: mine && [mine],
      each: each?.map(cell => cell && [cell]), name: "clicks" });
  },

  heads(question, about) {
    return heat(...headNames(question), { ...about, name: "choices", across: "head" });
  },

  curve(question, { values, unit, tally, first, mine }) {
    const { picture, line, at } = plane(question, { name: "The class's curves" + (values ? " and the true one" : ""), unit });
    picture.append(...(tally?.curves || []).map(curve => svg("path", { class: "other", d: line(curve) })));
    if (first) picture.append(svg("path", { class: "median earlier", d: line(first.median) }));
    if (tally) picture.append(svg("path", { class: "median", d: line(tally.median) }));
    if (mine) picture.append(svg("path", { class: "mine", d: line(mine) }));
    if (values) picture.append(svg("path", { class: "truth", d: line(values) }),
      ...values.map((value, n) => svg("circle", { class: "truths", cx: at(n, value)[0], cy: at(n, value)[1], r: 3.2 })));
    const sample = name => svg("line", { class: name, x1: 1, x2: 29, y1: 8, y2: 8 });
    return [picture, legend(values && [sample("truth"), "true"], tally && [sample("other"), "a student"],
      first && [sample("median earlier"), "its middle at first"], tally && [sample("median"), "the class's middle"], mine && [sample("mine"), "you"]),
    table(["at", values && "true", tally && "class's middle", mine && "you"], question.x.map((label, n) =>
      [label, values && short(values[n]), tally && short(tally.median[n]), mine && short(mine[n])]))];
  },
};

const image = (name, wide, high, ...children) =>
  svg("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": name }, ...children);

const legend = (...entries) => el("ul", { class: "legend" }, entries.filter(Boolean).map(([sample, text]) =>
  el("li", {}, sample && svg("svg", { viewBox: "0 0 30 16", "aria-hidden": "true" }, sample), text)));

const table = (columns, rows) => el("details", {}, el("summary", {}, "As a table"), el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" },
  el("table", {}, el("thead", {}, el("tr", {}, columns.filter(Boolean).map(text => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map(([name, ...cells]) => el("tr", {}, el("th", { scope: "row" }, name),
      cells.filter(cell => cell != null).map(cell => el("td", {}, cell))))))));

const headNames = question => [Array.from({ length: question.layers }, (_, n) => `layer ${n}`), Array.from({ length: question.heads }, (_, n) => `${n}`)];
const headGrid = (question, about) => grid(...headNames(question), { ...about, across: "head" });

/** A grid of cells, layer 0 at the bottom; chosen ones have a frame. */
const grid = (rows, columns, { name, chosen = [], click, paint, over, across }) => {
  const wide = 340, left = Math.min(90, 14 + 6.6 * Math.max(...rows.map(row => row.length)));
  const top = across ? 16 : Math.min(84, 10 + 5.6 * Math.max(...columns.map(text => text.length)));
  const step = (wide - left - (across ? 2 : 2 + .45 * top)) / columns.length, high = Math.max(13, Math.min(26, step));
  const place = ([row, column]) => ({ x: left + column * step, y: top + (rows.length - 1 - row) * high, width: step, height: high });
  const middle = cell => { const { x, y } = place(cell); return [x + step / 2, y + high / 2]; };
  const cells = rows.flatMap((_, row) => columns.map((__, column) =>
    svg("rect", { class: "cell", ...place([row, column]), ...(paint?.(row, column)), onclick: click && (() => click([row, column])) })));
  const names = [...rows.map((text, row) => svg("text", { x: left - 4, y: middle([row, 0])[1] + 4, "text-anchor": "end" }, text)),
    ...columns.map((text, column) => across
      ? svg("text", { x: middle([0, column])[0], y: top - 4, "text-anchor": "middle" }, text)
      : svg("text", { transform: `translate(${middle([0, column])[0] + 3},${top - 4}) rotate(-60)` }, text))];
  const frames = chosen.map(cell => svg("rect", { class: "on onto", ...place(cell), "pointer-events": "none" }));
  const picture = image(name, wide, top + rows.length * high + 4, cells, names, across && svg("text", { x: left - 4, y: top - 4, "text-anchor": "end" }, across),
    frames, over?.(place, middle, step, high));
  if (click) picture.classList.add("touch");
  return picture;
};

/** The true grid in colour, with the class's clicks as circles, all that count as right and one's own framed; after two votes a
 *  grid for each, their circles on one scale. `each`: one's own answers in the two. */
const heat = (rows, columns, { right, values, unit, tally, first, mine, each, name, across }) => {
  const flat = (values || []).flat().filter(value => value != null), far = Math.max(1e-9, ...flat.map(Math.abs));
  const paint = (row, column) => {
    const value = values?.[row]?.[column];
    return value == null ? { class: values ? "cell none" : "cell" } : { fill: colour(value / far), style: null, class: "cell painted" };
  };
  const votes = first ? [["First vote", first, each?.[0]], ["Second vote", tally || [], each?.[1]]] : [["", tally || [], mine]];
  const most = Math.max(1, ...votes.flatMap(([, counts]) => counts.map(cell => cell[2])));
  const over = (counts, own) => (place, middle, step, high) => [
    ...["keyed", "key"].flatMap(one => (right || []).map(cell => svg("rect", { class: one, ...place(cell) }))),
    ...["keyed", "own"].flatMap(one => (own || []).map(cell => svg("rect", { class: one, ...around(place(cell)) }))),
    ...counts.flatMap(([row, column, count]) => {
      const [x, y] = middle([row, column]), r = Math.min(step, high) * (.14 + .34 * Math.sqrt(count / most));
      return [svg("circle", { class: "clicks", cx: x, cy: y, r }), r > 4.5 && svg("text", { class: "count", x, y }, count)];
    })].filter(Boolean);
  const drawn = votes.map(([vote, counts, own]) => {
    const all = counts.reduce((sum, cell) => sum + cell[2], 0), [top] = [...counts].sort((a, b) => b[2] - a[2]);
    const said = top ? `: most, ${top[2]} of ${all}, at ${rows[top[0]]}, ${across ? `${across} ` : ""}${columns[top[1]]}` : "";
    const picture = grid(rows, columns, { paint, across, over: over(counts, own),
      name: `Grid${values ? ` of ${unitOf(unit)}` : ""} with the class's ${name}${vote && `, ${vote.toLowerCase()}`}${said}` });
    for (const cell of picture.querySelectorAll(".painted")) cell.style.fill = cell.getAttribute("fill");
    return vote ? el("figure", {}, el("figcaption", {}, `${vote}: ${all} ${name}`), picture) : picture;
  });
  const given = votes.map(([, counts]) => new Map(counts.map(([row, column, count]) => [`${row} ${column}`, count])));
  const scale = Array.from({ length: 9 }, (_, n) => {
    const part = svg("rect", { x: n * 3.3, y: 1, width: 3.4, height: 14 });
    part.style.fill = colour(n / 4 - 1);
    return part;
  });
  return [first ? el("div", { class: "votes" }, drawn) : drawn[0], legend(values && [svg("g", {}, scale), `${withUnit(-far, "share")} to ${withUnit(far, unit)}`],
    right && [framed("key"), "right"],
    (tally || first) && [svg("circle", { class: "clicks", cx: 15, cy: 8, r: 6 }), `the class's ${name}, counted${first ? ", on one scale in both votes" : ""}`],
    mine && [framed("own"), "you"]),
  table(["", ...columns], rows.map((label, row) => [label, ...columns.map((_, column) => {
    const counts = given.map(vote => vote.get(`${row} ${column}`) ?? 0);
    return `${values ? short(values[row]?.[column]) : ""}${counts.some(Boolean) ? ` (${counts.join(", then ")})` : ""}` || "0";
  })]))];
};

/** A little more than a cell: a frame that leaves another on the cell in sight. */
const around = ({ x, y, width, height }) => ({ x: x - 3, y: y - 3, width: width + 6, height: height + 6 });

const framed = name => svg("g", {}, ["keyed", name].map(one => svg("rect", { class: one, x: 6, y: 2, width: 18, height: 12 })));

/** A colour of the app's own scale, red to blue, for a share from -1 to 1. */
const stops = [];
const colour = share => {
  if (!stops.length) {
    const style = getComputedStyle(document.documentElement);
    for (let n = 0; n < 5; n += 1) {
      const text = style.getPropertyValue(`--scale${n}`).trim();
      stops.push([1, 3, 5].map(start => parseInt(text.slice(start, start + 2), 16)));
    }
  }
  const place = (Math.min(1, Math.max(-1, share)) + 1) * 2, low = Math.min(3, Math.floor(place));
  return `rgb(${stops[low].map((part, n) => Math.round(part + (stops[low + 1][n] - part) * (place - low))).join(",")})`;
};

/** Axes for a curve over the layers. */
const plane = ({ x, low, high, unit: own }, { name, unit, touch }) => {
  const wide = 340, tall = 205, left = 34, top = 8, floor = 165, step = (wide - left - 8) / (x.length - 1 || 1);
  const height = value => floor - (floor - top) * (value - low) / (high - low);
  const at = (n, value) => [left + n * step, height(value)];
  const line = curve => curve.map((value, n) => `${n ? "L" : "M"}${at(n, value).map(part => part.toFixed(1)).join(",")}`).join("");
  const ticks = [...new Set([low, ...(low < 0 && high > 0 ? [0] : []), high])];
  const every = Math.ceil(x.length / 14);
  const picture = image(name, wide, tall, svg("rect", { class: "frame", x: left, y: top, width: wide - left - 8, height: floor - top }),
    ticks.map(value => [svg("line", { class: "axis", x1: left - 4, x2: value === 0 ? wide - 8 : left, y1: height(value), y2: height(value) }),
      svg("text", { x: left - 6, y: height(value) + 4, "text-anchor": "end" }, short(value))]).flat(),
    x.map((label, n) => (n % every === 0 || n === x.length - 1) && svg("text", { transform: `translate(${at(n, low)[0] + 3},${floor + 10}) rotate(-45)`, "text-anchor": "end" }, label)).filter(Boolean),
    svg("text", { x: left + 4, y: top + 12 }, unitOf(unit || own)));
  if (touch) picture.classList.add("touch");
  const back = event => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    const n = Math.min(x.length - 1, Math.max(0, Math.round((point.x - left) / step)));
    return [n, low + (high - low) * (floor - point.y) / (floor - top)];
  };
  return { picture, at, line, back };
};
