// Copying by one press: in an .ioi-copy, a button [data-ioi-copy], a status, and the text in a pre. Over plain http, but
// from this machine, browsers give no clipboard: there the older way is tried, and where that is closed too the text is
// selected, to be copied by hand. No tag may stand in here: Streamlit would drop the script.
window.ioiCopy ??= (() => {
  const olderWay = (text, room) => {
    const box = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    room.append(box); // beside the button: a menu takes the focus back from what is outside of it
    box.select();
    try { return document.execCommand("copy"); } catch { return false; } finally { box.remove(); }
  };
  const select = (shown) => {
    const fold = shown.closest("details");
    if (fold) fold.open = true;
    getSelection().selectAllChildren(shown);
    shown.scrollIntoView({ block: "nearest" });
  };
  // Captured: what is in a popover keeps its clicks to itself.
  addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-ioi-copy]");
    if (!button) return;
    const room = button.parentElement, shown = room.querySelector("pre"), text = shown.textContent;
    for (const said of document.querySelectorAll(".ioi-copy [role=status]")) said.textContent = ""; // of copies before
    let copied = true;
    try { await navigator.clipboard.writeText(text); } catch {
      copied = olderWay(text, room);
      button.focus();
      if (!copied) select(shown);
    }
    const words = copied ? "Copied" : "This browser does not let a page copy. The text is selected: copy it yourself.";
    // Later: the same words again are announced only if there were others between.
    setTimeout(() => { room.querySelector("[role=status]").textContent = words; }, 100);
  }, true);
  return true;
})();
