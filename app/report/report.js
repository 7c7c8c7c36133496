// The report, kept in this browser: a list of [view, figure, note]. Buttons that pin have data-ioi-pin; the Report page
// has an element .ioi-report with data-pins: once they change there they are kept, with what other tabs have pinned
// meanwhile, unless the report is somebody else's. The tray, a link at the end of every page's window, leads there: its address holds the whole report.
// No tag may stand in here: Streamlit would drop the script.
window.ioiReport ??= (() => {
  const KEY = "ioi-report", MOST = 30, LONGEST = 6000, LONGEST_VIEW = 12_000; // as in pins.py
  const framed = window.top !== window;
  const read = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return kept.filter(([view, figure]) => typeof view === "string" && typeof figure === "string");
    } catch { return []; }
  };
  const packed = async (pins) => {
    const stream = new Blob([JSON.stringify(pins)]).stream().pipeThrough(new CompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const figures = (count) => `${count} figure${count === 1 ? "" : "s"}`;
  let own; // whether the report on the Report page is the visitor's
  let seen, stored; // that report as it was last, and what was kept then
  const link = async (pins) => {
    const query = new URLSearchParams(location.search);
    query.set("pins", await packed(pins));
    return `report?${query}`;
  };
  const tray = async () => {
    if (framed) return;
    const pins = read();
    let aside = document.querySelector("aside.ioi-tray");
    if (!pins.length) return aside?.remove();
    if (!aside) {
      aside = Object.assign(document.createElement("aside"), { className: "ioi-tray", ariaLabel: "Report" });
      aside.append(document.createElement("a"));
      document.body.append(aside);
    }
    aside.hidden = own === true && same(pins, seen);
    const words = own === false ? "Your own report" : "Report";
    Object.assign(aside.firstChild, { href: await link(pins), textContent: `${words}: ${figures(pins.length)}` });
  };
  const keep = (pins) => {
    localStorage.setItem(KEY, JSON.stringify(pins)); // throws where this browser keeps nothing
    tray();
  };
  const isPinned = (pin) => read().some(([view, figure]) => view === pin[0] && figure === pin[1]);
  const others = (pin) => read().filter(([view, figure]) => view !== pin[0] || figure !== pin[1]);
  const toggle = async (button) => {
    const pin = [...JSON.parse(button.dataset.ioiPin), ""];
    if (isPinned(pin)) {
      keep(others(pin));
      return "Pin to the report";
    }
    if (pin[0].length > LONGEST_VIEW) return "This view's link is too long for a report: take the notebook instead";
    if (others(pin).length >= MOST) return `The report is full: it has ${figures(MOST)}`;
    if ((await packed([...others(pin), pin])).length > LONGEST) return "The report is full: its link has no more room";
    keep([...others(pin), pin]);
    return "Pinned: press again to take it out";
  };
  const look = () => {
    for (const button of document.querySelectorAll("[data-ioi-pin]:not([aria-pressed])")) {
      const pinned = isPinned(JSON.parse(button.dataset.ioiPin));
      button.ariaPressed = pinned;
      if (pinned) button.textContent = "Pinned: press again to take it out";
    }
    const shown = document.querySelector(".ioi-report"), text = shown?.dataset.pins;
    if (!text) {
      if (own !== undefined) {
        own = seen = undefined;
        tray();
      }
      return;
    }
    const pins = JSON.parse(text);
    if (same(pins, seen)) return;
    if (own === undefined) own = !read().length || same(read(), pins);
    else if (own) {
      const known = new Set(stored.map(String)), names = new Set(pins.map(([view, figure]) => `${view} ${figure}`));
      const added = read().filter((one) => !known.has(String(one)) && !names.has(`${one[0]} ${one[1]}`));
      keep([...pins, ...added]);
    }
    [seen, stored] = [pins, read()];
    shown.firstElementChild.hidden = own !== false;
    tray();
  };
  let due = false;
  new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; look(); });
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-pins"] });
  addEventListener("storage", ({ key }) => key === KEY && tray());
  // Captured: what is in a popover keeps its clicks to itself.
  addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-ioi-pin], [data-ioi-adopt]");
    if (!button) return;
    if ("ioiAdopt" in button.dataset) {
      own = button.hidden = true;
      keep(JSON.parse(button.parentElement.dataset.pins));
      stored = read();
      return;
    }
    try {
      button.textContent = await toggle(button);
    } catch {
      button.textContent = "This browser keeps nothing here: take the notebook instead";
    }
    button.ariaPressed = isPinned(JSON.parse(button.dataset.ioiPin));
  }, true);
  tray();
  return true;
})();
