// One history entry a page. Streamlit pushes one for every parameter that the server writes, several for one click, and
// takes a page's own parameters out of its address before it leaves it. Here what the server writes within a page
// replaces the entry, a page that is left keeps the address it had, and a head opened on the Heads page is a page.
// What only adds to an address or changes it is the page's own at once. What takes something out may be the page being
// left: it counts after a while, or when the visitor clicks next, for a page is left by a click.
(() => {
  if (window.ioiHistory) return;
  window.ioiHistory = true;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  const REST = 1500, LEAVING = 6000; // milliseconds; a page is left when the server, which may be busy, brings the next
  let own = location.href;
  let rest = 0;
  const head = (address) => {
    const { pathname, searchParams } = new URL(address);
    return pathname.endsWith("/heads") ? searchParams.get("head") : null;
  };
  const enter = (state, address) => {
    const [came, goes] = [own, new URL(address, location.href).href];
    replace(history.state, "", came);
    push(state, "", goes);
    own = goes;
  };
  const stop = () => {
    clearTimeout(rest);
    rest = 0;
  };
  const keep = () => {
    stop();
    own = location.href;
  };
  const isAnotherHead = () => head(location.href) && head(own) !== head(location.href);
  const takesOut = () => {
    const left = new URL(location.href).searchParams;
    return [...new URL(own).searchParams.keys()].some((name) => !left.has(name));
  };
  const settle = () => {
    stop();
    if (isAnotherHead()) enter(history.state, location.href);
    else keep();
  };
  history.pushState = (state, _, address) => {
    stop();
    if (new URL(address, location.href).pathname !== location.pathname) return enter(state, address);
    replace(state, "", address);
    if (isAnotherHead()) rest = setTimeout(settle, REST);
    else if (takesOut()) rest = setTimeout(settle, LEAVING);
    else keep();
  };
  history.replaceState = (state, _, address) => {
    replace(state, "", address);
    keep();
  };
  addEventListener("popstate", keep);
  const next = (event) => rest && event.detail < 2 && settle(); // not a second click of two, after the page was left
  addEventListener("click", next, { capture: true });
})();
