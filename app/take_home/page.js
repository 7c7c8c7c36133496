// Draws the figures of the page in its own colours; on paper in those of paper, as wide as a sheet.
let figures = [];
const dark = matchMedia("(prefers-color-scheme: dark)");
const config = { displaylogo: false, responsive: true };
const colours = (isDark) => {
  const text = isDark ? "#e8ebef" : "#0b0e12";
  const line = isDark ? "#3a414d" : "#d8dce2";
  return { text, line };
};
const layoutOf = (layout, isDark) => {
  const { text, line } = colours(isDark);
  const own = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
  own.font = { family: "system-ui, sans-serif", size: 13, ...layout.font, color: text };
  for (const name of Object.keys(own).filter((key) => /^[xy]axis\d*$/.test(key))) {
    own[name] = { gridcolor: line, zerolinecolor: line, linecolor: line, ...own[name] };
  }
  return own;
};
const draw = (isDark, width) =>
  Promise.all(figures.map(({ data, layout }, n) => {
    const chart = document.getElementById(`chart-${n}`);
    const own = layoutOf(layout, isDark);
    if (width) Object.assign(own, { width, autosize: false });
    return Plotly.react(chart, data, own, config);
  }));
const unpacked = (text) => { // a large one: JSON, gzip, base64
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
};
const given = JSON.parse(document.getElementById("figures").textContent);
Promise.all(given.map((one) => (typeof one === "string" ? unpacked(one) : one))).then(
  (all) => {
    figures = all;
    return draw(dark.matches);
  },
  () => document.querySelectorAll(".chart").forEach((one) => (one.textContent = "This figure needs a newer browser.")),
);
dark.addEventListener("change", () => draw(dark.matches));
addEventListener("beforeprint", () => draw(false, 680));
addEventListener("afterprint", () => draw(dark.matches));
