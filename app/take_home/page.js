// Draws the figures of the page in its own colours; on paper in those of paper, as wide as a sheet.
const figures = JSON.parse(document.getElementById("figures").textContent);
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
draw(dark.matches);
dark.addEventListener("change", () => draw(dark.matches));
addEventListener("beforeprint", () => draw(false, 680));
addEventListener("afterprint", () => draw(dark.matches));
