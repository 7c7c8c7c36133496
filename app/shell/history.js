// One history entry a page. Streamlit pushes one for every parameter that the server writes, several for one click, and
// takes a page's own parameters out of its address before it leaves it. Here what the server writes within a page
// replaces the entry, a page that is left keeps the address it had, and a head opened on the Heads page is a page.
(() => {
  if (window.ioiHistory) return;
  window.ioiHistory = true;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  const REST = 1500; // milliseconds without a change, after which an address counts as the page's own
  let own = location.href;
  let rest;
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
  const keep = () => {
    clearTimeout(rest);
    own = location.href;
  };
  history.pushState = (state, _, address) => {
    clearTimeout(rest);
    if (new URL(address, location.href).pathname !== location.pathname) return enter(state, address);
    replace(state, "", address);
    rest = setTimeout(() => {
      if (head(location.href) && head(own) !== head(location.href)) enter(history.state, location.href);
      else keep();
    }, REST);
  };
  history.replaceState = (state, _, address) => {
    replace(state, "", address);
    keep();
  };
  addEventListener("popstate", keep);
})();
