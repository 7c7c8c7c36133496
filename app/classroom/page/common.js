// What students', teacher's and projector's pages share: elements, announcements, and the way to the server.

export const root = document.documentElement, base = root.dataset.base;
export const main = document.getElementById("main");
const NAMESPACE = "http://www.w3.org/2000/svg";
const LETTERS = /^[346789ACDEFGHJKMNPQRTWXY]{8}$/;

/** As on the app's pages, no line ends between a number and its per cent sign. */
const unbroken = text => text.replace(/(\d) %/g, "$1\u00a0%");
const filled = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  const drawn = children.flat(Infinity).filter(child => child != null && child !== false);
  element.append(...drawn.map(child => typeof child === "string" ? unbroken(child) : child));
  return element;
};
export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(NAMESPACE, tag), attributes, children);

export const readCode = text => {
  const code = text.replace(/[\s-]/g, "").toUpperCase();
  return LETTERS.test(code) ? code : "";
};
export const inWords = code => `${code.slice(0, 4)}-${code.slice(4)}`;
export const joinPage = () => `${location.origin}${base}`;
export const picture = code =>
  el("img", { class: "qr", alt: `QR code that opens this class: ${inWords(code)}`,
    src: `${base}/qr.svg?page=${encodeURIComponent(joinPage())}&code=${code}` });

/** When all of a class is gone: one truth for every page, the server's. */
export const whenGone = `${root.dataset.hours} hours after the class was started`;
export const DISCUSS = "Find somebody near you who answered otherwise, and convince them. Then all of you vote again.";

export const say = text => { document.getElementById("status").textContent = text; };
export const trouble = text => {
  const place = document.getElementById("trouble");
  if (place.textContent !== text) place.textContent = text;
};

/** Show other content; whoever was in the old one is led to the new heading. */
export const show = (...children) => {
  const inside = main.contains(document.activeElement);
  main.replaceChildren(...children.flat(Infinity).filter(child => child != null && child !== false));
  const heading = main.querySelector("h1");
  if (inside && heading) { heading.tabIndex = -1; heading.focus(); }
};

export const heading = state => state.ask ? `${state.step + 1} of ${state.of}: ${state.ask.title}` : state.lesson;

export class Refused extends Error {
  constructor(status, words) { super(words); this.status = status; }
}

/** Ask the server; what it refuses is thrown with its words. */
export const ask = async (code, path, key, sent, signal) => {
  const options = { headers: key ? { "X-Class-Key": key } : {}, cache: "no-store", credentials: "same-origin", signal };
  if (sent) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(sent);
  }
  const answer = await fetch(`${base}/api/${code}/${path}`, options);
  if (answer.headers.get("Content-Type")?.startsWith("text/csv")) return answer.blob();
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, told.words || "The server does not answer. Try again.");
  return told;
};

/** Fetch the class's state again and again, each time until it changes; a drop of the network loses nothing.
 *  Return a function that fetches it at once. */
export const watch = (code, path, key, tell, gone) => {
  let mark = "", wake = () => {}, stop = new AbortController();
  const rest = seconds => new Promise(done => { wake = done; setTimeout(done, 1000 * seconds); });
  const again = () => { mark = ""; stop.abort(); wake(); };
  (async () => {
    for (let failed = 0; ;) {
      stop = new AbortController();
      const late = setTimeout(() => stop.abort(), 40000);
      try {
        const told = await ask(code, `${path}?after=${mark}`, key, null, stop.signal);
        failed = 0;
        trouble("");
        if (told.phase) { mark = told.mark ?? told.version; tell(told); }
        if (told.again) await rest(told.again * (0.7 + 0.6 * Math.random()));
      } catch (error) {
        if (error instanceof Refused && [403, 404].includes(error.status)) return gone(error.message);
        if (error.name === "AbortError") continue;
        failed += 1;
        if (failed > 1) trouble("The connection is lost. This page tries again by itself.");
        await rest(Math.min(8, 0.4 * 2 ** failed) * (0.5 + Math.random()));
      } finally { clearTimeout(late); }
    }
  })();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
  addEventListener("online", again);
  return again;
};
