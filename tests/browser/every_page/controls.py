"""Every control on a page, found there and not in a list: what it holds, and how a visitor changes it."""

import json
from contextlib import suppress
from typing import Any

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as Late

from tests.browser.visitor import WAIT, at_rest

KINDS = (
    "Selectbox",
    "Radio",
    "ButtonGroup",
    "Checkbox",
    "Slider",
    "NumberInput",
    "MultiSelect",
    "TextInput",
    "TextArea",
)
State = dict[str, Any]

_CONTROLS = """(kinds => {
    const texts = parts => [...parts].map(part => part.textContent.trim());
    const held = {
        Selectbox: box => box.querySelector('input').value || box.querySelector('input').placeholder.split(' (')[0],
        Radio: box => texts(box.querySelectorAll('[data-testid=stRadioOption][data-selected=true]')),
        ButtonGroup: box => texts(box.querySelectorAll('button[data-selected=true]')),
        Checkbox: box => box.querySelector('input').checked,
        Slider: box => [...box.querySelectorAll('input')].map(handle => handle.value),
        NumberInput: box => box.querySelector('input').value,
        MultiSelect: box => texts(box.querySelectorAll('.react-aria-ComboBox [data-tag]')),
        TextInput: box => box.querySelector('input').value,
        TextArea: box => box.querySelector('textarea').value,
    };
    const boxes = kind => [...document.querySelectorAll(`[data-testid=st${kind}]`)];
    return Object.fromEntries(kinds.flatMap(kind => boxes(kind).map(box => {
        const around = box.closest('[data-testid=stElementContainer]');
        const key = [...around.classList].find(name => name.startsWith('st-key-'));
        return [key ? key.slice('st-key-'.length) : `without a key: ${box.innerText}`, held[kind](box)];
    })));
})(KINDS)""".replace("KINDS", json.dumps(KINDS))

_SHOWN = """() => {
    const busy = '[data-testid=stSkeleton], [class*=st-key-computing]';
    if (document.querySelector(busy) || !document.querySelector('[data-test-script-state=notRunning]')) return null;
    const charts = [...document.querySelectorAll('[class*=st-key-figure-]')];
    if (charts.some(chart => chart.querySelector('.stPlotlyChart') && !chart.querySelector('.main-svg'))) return null;
    const name = chart => [...chart.classList].find(one => one.startsWith('st-key-figure-'));
    const data = chart => (chart.querySelector('.js-plotly-plot')?._fullData || [])
        .map(t => [t.name, t.x, t.y, t.z, t.text].map(values => JSON.stringify(values)).join()).join();
    const hash = text => [...text].reduce((sum, letter) => (31 * sum + letter.charCodeAt()) | 0, 7);
    return {
        controls: CONTROLS,
        figures: Object.fromEntries(charts.map(chart => [name(chart), hash(data(chart))])),
        says: [...document.querySelectorAll('.ioi-says')].map(said => said.innerText),
        heading: document.querySelector('h1').innerText,
    };
}""".replace("CONTROLS", _CONTROLS)


_WATCH = """() => {
    const runs = () => !document.querySelector('[data-test-script-state=notRunning]');
    window.hasRun = false;
    const states = {attributes: true, subtree: true, attributeFilter: ['data-test-script-state']};
    new MutationObserver(() => { window.hasRun ||= runs(); }).observe(document.body, states);
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (...sent) {
        this.addEventListener('message', () => { window.hasRun = true; }, { once: true });
        WebSocket.prototype.send = send;
        return send.apply(this, sent);
    };
}"""
"""A field shows at once what is typed into it, the page only once the server has begun and ended a run. A short run may
begin and end before the browser draws: then the server's answer tells."""
_IS_CHANGED = f"([key, before]) => JSON.stringify({_CONTROLS}[key]) !== before"


def shown(page: Page) -> dict[str, Any]:
    """What the page's controls hold and its figures and sentences show, once all of it is there and stays."""
    return at_rest(page, _SHOWN)


class NothingElseError(Exception):
    """A list has nothing but what is chosen."""


def change(page: Page, key: str, texts: dict[str, str]) -> None:
    """Change one control as a visitor does, to something else than it holds.

    Args:
        texts: what is typed into boxes for text, by key.
    """
    around = page.locator(f".st-key-{key}")
    box = around.locator(", ".join(f"[data-testid=st{kind}]" for kind in KINDS))
    kind = (box.get_attribute("data-testid") or "").removeprefix("st")
    before = _held(page, key)
    for fold in page.locator("details:not([open])").filter(has=around).all():
        fold.locator("summary").first.click()
        shown(page)  # the run of the page that this causes has ended
    page.evaluate(_WATCH)
    for _ in range(10):  # a run of the page that ends meanwhile closes a list, or draws anew what is clicked
        try:
            with suppress(AssertionError, Late):
                _CHANGES[kind](page, box, texts.get(key, ""))
        except NothingElseError:
            return
        with suppress(Late):
            page.wait_for_function(_IS_CHANGED, arg=[key, before], timeout=WAIT / 20)
            break
        if shown(page)["controls"].get(key) is not None and _held(page, key) != before:
            break  # a busy machine was late: a second click would switch it back
    page.wait_for_function(f"args => window.hasRun && ({_IS_CHANGED})(args)", arg=[key, before], timeout=WAIT)


def _held(page: Page, key: str) -> str:
    return page.evaluate(f"key => JSON.stringify({_CONTROLS}[key])", key)


def _from_list(page: Page, box: Locator, _: str) -> None:
    """The last of the options that are drawn and not chosen; the list is opened by keyboard."""
    field = box.get_by_role("combobox")
    now = field.input_value() or (field.get_attribute("placeholder") or "").split(" (")[0]
    options = page.get_by_role("option")
    others = options.filter(has_not=page.get_by_text(now, exact=True))
    field.focus()
    page.keyboard.press("ArrowDown")
    expect(options.first).to_be_visible(timeout=WAIT / 20)
    if not others.count():
        page.keyboard.press("Escape")
        raise NothingElseError
    others.last.click(timeout=WAIT / 20)


def _into_list(page: Page, box: Locator, _: str) -> None:
    """One more, or one less where there is no room."""
    full = box.locator(".react-aria-ComboBox [data-tag]").count() >= 10
    box.get_by_role("combobox").focus()
    if full:
        page.keyboard.press("Backspace")
    else:
        page.keyboard.press("ArrowDown")
        page.get_by_role("option").last.click(timeout=WAIT / 20)
    page.keyboard.press("Escape")


def _of_several(page: Page, box: Locator, _: str) -> None:
    box.locator("[data-testid=stRadioOption]:not([data-selected=true]), button:not([data-selected=true])").last.click()


def _switch(page: Page, box: Locator, _: str) -> None:
    box.locator("label").first.click()


def _slide(page: Page, box: Locator, _: str) -> None:
    handle = box.get_by_role("slider").first
    handle.focus()
    page.keyboard.press("ArrowLeft" if handle.evaluate("one => one.value === one.max") else "ArrowRight")


def _step(page: Page, box: Locator, _: str) -> None:
    box.get_by_role("button", name="Increment").click()


def _type(page: Page, box: Locator, text: str) -> None:
    assert text, "say in `texts` what is typed here"
    box.locator("input, textarea").fill(text)
    page.keyboard.press("ControlOrMeta+Enter")


_CHANGES = {
    "Selectbox": _from_list, "MultiSelect": _into_list, "Radio": _of_several, "ButtonGroup": _of_several,
    "Checkbox": _switch, "Slider": _slide, "NumberInput": _step, "TextInput": _type, "TextArea": _type,
}  # fmt: skip
