// Images of a figure at print size, in the page's own font. Plotly's own images lack it: what is drawn as an image reads
// no font of the page, so the fonts go into the SVG. A button says
// what it saves: data-ioi-image, data-figure and data-file. No tag may stand in here: Streamlit would drop the script.
window.ioiImage ??= (() => {
  const SCALE = 4; // of a PNG: 300 dots an inch where 96 pixels are one, and a figure is 4/3 as large in print
  const svg = "http://www.w3.org/2000/svg";
  const base64 = (blob) => new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = failed;
    reader.readAsDataURL(blob);
  });
  const fontRules = async (families) => {
    const rules = [];
    for (const sheet of document.styleSheets) {
      let all = [];
      try { all = [...sheet.cssRules]; } catch { continue; }
      for (const rule of all) {
        if (!(rule instanceof CSSFontFaceRule)) continue;
        const family = rule.style.getPropertyValue("font-family").replace(/["']/g, "");
        const source = rule.style.getPropertyValue("src").match(/url\(["']?([^"')]+)["']?\)/);
        if (!source || !families.has(family) || /italic/.test(rule.style.getPropertyValue("font-style"))) continue;
        const address = new URL(source[1], sheet.href ?? document.baseURI);
        let data;
        try { data = await base64(await (await fetch(address)).blob()); } catch { continue; } // the image has another font
        const weight = rule.style.getPropertyValue("font-weight") || "normal";
        rules.push(`@font-face{font-family:"${family}";font-weight:${weight};src:url(${data})}`);
      }
    }
    return rules.join("");
  };
  const drawn = async (chart) => {
    const { left, width: shown, height } = chart.getBoundingClientRect();
    // A page breaks a long title's lines where it is narrow; an image is as wide as its longest line.
    const ends = [...chart.querySelectorAll(".main-svg text")].map((text) => text.getBoundingClientRect().right - left + 8);
    const width = Math.max(shown, ...ends);
    const whole = document.createElementNS(svg, "svg");
    for (const [name, value] of Object.entries({ xmlns: svg, width, height, viewBox: `0 0 ${width} ${height}` })) {
      whole.setAttribute(name, value);
    }
    const fill = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor; // the theme's
    const ground = document.createElementNS(svg, "rect");
    for (const [name, value] of Object.entries({ width, height, fill })) ground.setAttribute(name, value);
    const style = document.createElementNS(svg, "style");
    whole.append(style, ground);
    const families = new Set();
    const parts = chart.querySelectorAll(".svg-container > svg.main-svg, .svg-container .main-svg:not(svg svg)");
    for (const part of new Set(parts)) {
      const copy = part.cloneNode(true);
      const copies = copy.querySelectorAll("text");
      for (const [n, text] of part.querySelectorAll("text").entries()) {
        const { fontFamily, paintOrder, stroke, strokeWidth } = getComputedStyle(text);
        fontFamily.split(",").forEach((one) => families.add(one.trim().replace(/["']/g, "")));
        if (paintOrder.startsWith("stroke")) Object.assign(copies[n].style, { paintOrder, stroke, strokeWidth });
      }
      copy.removeAttribute("style");
      copy.querySelectorAll(".hoverlayer, .modebar, .cursor-pointer.drag, .drag").forEach((one) => one.remove());
      whole.append(copy);
    }
    style.textContent = await fontRules(families);
    return { text: new XMLSerializer().serializeToString(whole), width, height };
  };
  const rastered = async ({ text, width, height }) => {
    const image = new Image();
    image.src = await base64(new Blob([text], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };
  const save = (blob, name) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  // Captured: what is in a popover keeps its clicks to itself.
  addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-ioi-image]");
    if (!button) return;
    const { ioiImage: kind, figure, file } = button.dataset;
    const charts = [...document.querySelectorAll(`[class*="st-key-wide-${CSS.escape(figure)}"] .js-plotly-plot`)];
    for (const [n, chart] of charts.entries()) {
      const one = await drawn(chart);
      const blob = kind === "svg" ? new Blob([one.text], { type: "image/svg+xml" }) : await rastered(one);
      save(blob, charts.length > 1 ? file.replace(/(\.\w+)$/, `-${n + 1}$1`) : file);
    }
  }, true);
  return true;
})();
