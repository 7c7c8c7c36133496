// Plotly takes hold of a touch: it then scrolls nothing, and chooses the point that was hovered before. Kept from it,
// a swipe scrolls the page, and a tap is what browsers make of one: the pointer moves there, then clicks.
window.keepTouchFromPlotly ??= (event) => {
  if (event.target.closest(".js-plotly-plot")) event.stopPropagation();
};
addEventListener("touchstart", window.keepTouchFromPlotly, { capture: true, passive: true });

// How far a wide figure is scrolled from its left end: style.css moves its y axis by as much.
window.slideAxes ??= ({ type, target }) => {
  const wide = '[class*="st-key-wide-"]';
  const boxes = type === "resize" ? document.querySelectorAll(wide) : target.matches?.(wide) ? [target] : [];
  for (const box of boxes) {
    const chart = box.querySelector(".js-plotly-plot");
    const slid = chart ? box.getBoundingClientRect().left - chart.getBoundingClientRect().left : 0;
    box.style.setProperty("--slid", `${Math.max(0, slid)}px`);
  }
};
for (const event of ["scroll", "resize"]) addEventListener(event, window.slideAxes, { capture: true, passive: true });

// On paper charts are as wide as on the screen: print.css makes the page, and what scrolls sideways, fit.
window.measureForPaper ??= () => {
  const main = document.querySelector(".stMainBlockContainer");
  if (!main) return;
  const { paddingLeft, paddingRight } = getComputedStyle(main);
  const wide = main.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  document.documentElement.style.setProperty("--wide", `${wide}px`);
  for (const box of document.querySelectorAll('[class*="st-key-wide-"]')) {
    box.style.setProperty("--drawn", `${box.scrollWidth}px`);
  }
};
addEventListener("beforeprint", window.measureForPaper);

// On a narrow window the sidebar lies over the page: Streamlit closes it when something beside it is pressed, and not
// once a page was chosen in it.
window.closeMenu ??= ({ target }) => {
  if (innerWidth > 768 || !target.closest?.('[data-testid="stSidebarNav"] a')) return;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
};
addEventListener("click", window.closeMenu);

// An entry of a page's list of contents opens its part, leaves the focus on it and goes there: again when the part has
// got what is in it, for before that the page may be too short, unless the visitor went on. The address stays.
window.goToPart ??= (event) => {
  const entry = event.target.closest?.(".ioi-contents a");
  const line = entry && document.querySelector(`.st-key-${entry.hash.slice(1)} summary`);
  if (!line) return;
  event.preventDefault();
  if (!line.parentElement.open) line.click();
  line.focus();
  const grown = new ResizeObserver(() => line.scrollIntoView());
  grown.observe(line.parentElement);
  for (const act of ["wheel", "pointerdown", "keydown"]) addEventListener(act, () => grown.disconnect(), { once: true });
};
addEventListener("click", window.goToPart);

// A link to prompts of one's own that brings no text, such as a lesson's last: the box to type in is brought into sight.
window.soughtBox ??= (() => {
  const asked = new URLSearchParams(location.search);
  if (asked.get("prompts") !== "own" || asked.has("text")) return true;
  const look = () => {
    const box = document.querySelector(".st-key-text textarea");
    if (!box) return;
    seek.disconnect();
    box.scrollIntoView({ block: "center" });
  };
  const seek = new MutationObserver(look);
  seek.observe(document.body, { childList: true, subtree: true });
  look();
  return true;
})();

// Once a source of prompts is chosen, what is asked of it is brought into sight: on a laptop it is below the window.
window.showAsked ??= ({ target }) => {
  if (!target.closest?.(".st-key-prompts")) return;
  const first = () => document.querySelector(":is(.st-key-n, .st-key-task, .st-key-text, .st-key-data)");
  const key = (box) => box?.className.match(/st-key-\S+/)[0];
  const before = key(first());
  const seek = new MutationObserver(() => {
    const box = first();
    if (!box || key(box) === before) return;
    seek.disconnect();
    box.scrollIntoView({ block: "center" });
  });
  seek.observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
  setTimeout(() => seek.disconnect(), 10000);
};
for (const press of ["click", "keyup"]) addEventListener(press, window.showAsked, true);

// What Streamlit leaves unsaid to those who hear the page: a box to drop a file on is a group, for a name needs a role
// that may have one; the line of each part of the page is a heading, to be jumped to.
window.saidRoles ??= (() => {
  const roles = {
    '[data-testid="stFileUploaderDropzone"][role="presentation"]': { role: "group" },
    '[class*="st-key-part_"] > .stExpander > details > summary p:not([role])': { role: "heading", "aria-level": "2" },
  };
  const mend = () => {
    for (const [silent, said] of Object.entries(roles)) {
      for (const element of document.querySelectorAll(silent)) {
        for (const [name, value] of Object.entries(said)) element.setAttribute(name, value);
      }
    }
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
  return true;
})();
