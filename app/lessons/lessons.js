// Progress in lessons, kept in this browser: lesson -> [query, how many are answered, of how many]. On a step's page an
// element .ioi-lessons has data-lesson, data-query, data-done and data-of; on the list of lessons each link with
// data-ioi-lesson leads to where its lesson was left. No tag may stand in here: Streamlit would drop the script.
window.ioiLessons ??= (() => {
  const KEY = "ioi-lessons", LONGEST = 4000;
  const read = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
      return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
    } catch { return {}; }
  };
  const keep = ({ lesson, query, done, of }) => {
    const all = read(), now = [query, Number(done), Number(of)];
    if (!now[1] && all[lesson]?.[1] > 0) return;  // opened anew: what was answered stays until something is again
    if (query.length > LONGEST || JSON.stringify(all[lesson]) === JSON.stringify(now)) return;
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...all, [lesson]: now }));
    } catch { /* this browser keeps nothing: the address still does */ }
  };
  const offer = (link) => {
    const [query, done, of] = read()[link.dataset.ioiLesson] ?? [];
    if (typeof query !== "string" || !(done > 0)) return;
    const wanted = new URLSearchParams(location.search);
    for (const [name, value] of new URLSearchParams(query)) wanted.set(name, value);
    const all = done >= of;
    if (all) wanted.set("step", Math.max(Number(wanted.get("step")), of + 1));  // the end comes after the last step
    link.href = `${location.pathname}?${wanted}`;
    link.target = "_self";
    link.textContent = all ? "All answered: what you found" : `Go on: ${done} of ${of} answered`;
    link.hidden = false;
  };
  let last = "", begun;
  const begin = ({ lesson, query }) => {  // another step is read from its top
    const step = `${lesson} ${new URLSearchParams(query).get("step")}`;
    if (last && last !== step) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
    last = step;
  };
  const look = () => {
    const here = document.querySelector(".ioi-lessons[data-lesson]");
    if (here) keep(here.dataset);
    if (here) begin(here.dataset);
    const code = document.querySelector("[data-ioi-begun]")?.dataset.ioiBegun;  // started just now: what holds it grows first
    if (code && code !== begun) setTimeout(() => document.querySelector(`img[alt*="QR"]`)?.scrollIntoView({ block: "center" }), 500);
    begun = code;
    document.querySelectorAll("[data-ioi-lesson][hidden]").forEach(offer);
  };
  const onTheWay = ({ target }) => {  // to a text box in the sidebar: that it was closed once is forgotten
    if (!target.closest?.('.ioi-on a[href*="prompts=own"]')) return;
    try {
      for (const kept of Object.keys(localStorage)) {
        if (kept.startsWith("stSidebarCollapsed-")) localStorage.removeItem(kept);
      }
    } catch { /* then nothing was kept */ }
  };
  addEventListener("click", onTheWay);
  let due = false;
  new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; look(); });
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-query"] });
  look();
  return true;
})();
