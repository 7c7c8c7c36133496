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
