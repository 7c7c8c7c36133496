// Plotly takes hold of a touch: it then scrolls nothing, and chooses the point that was hovered before. Kept from it,
// a swipe scrolls the page, and a tap is what browsers make of one: the pointer moves there, then clicks.
window.keepTouchFromPlotly ??= (event) => {
  if (event.target.closest(".js-plotly-plot")) event.stopPropagation();
};
addEventListener("touchstart", window.keepTouchFromPlotly, { capture: true, passive: true });
