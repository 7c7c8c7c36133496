"""The sidebar's controls for the prompts, all in the URL, so that a link reproduces the view.

A URL's values are checked like typed ones: unknown choices fall back to the default, and that is said, texts that are
too long are refused with a message. Texts that are too long for a URL stay out of it, and the sidebar says so.
"""

from collections.abc import Sequence
from urllib.parse import quote_plus

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url
from app.hosting.services import settings
from app.hosting.settings import Settings
from app.shell.prompts import (
    CLASSIC,
    CORRUPTIONS,
    DATA,
    GENERATED,
    OWN,
    TASK,
    PromptChoice,
    check_size,
    checked_answer,
    texts_of,
)
from app.shell.widgets import number_control
from ioi_core import TASKS, PromptError
from ioi_core.data_sets.rows import as_text

_SOURCES = {
    CLASSIC: "the eight that tutorials use",
    GENERATED: "from templates, as many as you like",
    TASK: "greater-than, pronoun, agreement, capital, docstring",
    OWN: "type them yourself",
    DATA: "upload or paste CSV, TSV or JSONL",
}
_EXAMPLE = "When John and Mary went to the shops, John gave the bag to"
_LONGEST_IN_URL = 6000
"""Of one text, percent-encoded. Proxies and servers refuse addresses of more than some 16,000 characters."""

_CORRUPTION_HELP = (
    "How the corrupted twin of each prompt is made. **S2 flip** repeats the other name, so the right answer "
    "becomes the other one. **ABC** puts three new names in, so nothing says any more who is repeated."
)


def prompt_controls(room: DeltaGenerator) -> PromptChoice:
    """Ask for the prompts, in `room`."""
    with room:
        source = st.radio(
            "Prompts", tuple(_SOURCES), captions=tuple(_SOURCES.values()), key=url.PROMPTS, bind="query-params"
        )
        bos = st.toggle(
            "BOS in front",
            value=True,
            key=url.BOS,
            bind="query-params",
            help="Put the token <|endoftext|> before every prompt, as the notebooks do and the paper does not.",
        )
        controls = {GENERATED: _generated_prompts, TASK: _task_prompts, OWN: _typed_prompts, DATA: _data_set}
        return controls[source](bos, settings()) if source in controls else PromptChoice(CLASSIC, bos)


def _generated_prompts(bos: bool, limits: Settings) -> PromptChoice:
    n = _number_control(limits)
    templates = st.selectbox(
        "Order of the names",
        ("mixed", "ABBA", "BABA"),
        key=url.TEMPLATES,
        bind="query-params",
        help="**ABBA**: IO is named before S. **BABA**: S is named first.",
    )
    seed = _seed_control()
    return PromptChoice(GENERATED, bos, _corruption_control(), n=n, seed=seed, templates=templates)


def _task_prompts(bos: bool, limits: Settings) -> PromptChoice:
    names = {
        task.title: name for name, task in TASKS.items()
    }  # titles stand in links, for Streamlit writes what it shows
    task = names[st.selectbox("Task", tuple(names), key=url.TASK, bind="query-params")]
    st.caption(f"{TASKS[task].question} Corrupted: {TASKS[task].twin}. After {TASKS[task].source}.")
    return PromptChoice(TASK, bos, n=_number_control(limits), seed=_seed_control(), task=task)


def _number_control(limits: Settings) -> int:
    return number_control("How many", 1, limits.max_prompts, min(20, limits.max_prompts), url.N)


def _seed_control() -> int:
    return number_control("Seed", 0, 999_999, 0, url.SEED, help="Same seed, same prompts.")


def _typed_prompts(bos: bool, limits: Settings) -> PromptChoice:
    prompts, answers_and_corruption, twins_box = (st.container() for _ in range(3))
    several = st.toggle(
        "Prompts of several lines", key=url.SEVERAL_LINES, bind="query-params",
        help="Off: each line is a prompt. On: a prompt goes on until a line of three hyphens, ---.",
    )  # fmt: skip
    each = "separated by ---" if several else "one a line"
    # No max_chars: Streamlit would silently cut a longer text from a link, and so show another prompt.
    with prompts:
        clean = _text_control(f"Prompts, {each}", url.TEXT, "Each stops where the answer comes next.", _EXAMPLE)
    with twins_box:
        corrupted = _text_control(
            f"Corrupted prompts, {each} (optional)", url.CORRUPTED,
            "Each as many tokens long as its clean prompt. Left empty, they are made by the corruption above.",
        )  # fmt: skip
    answer = "The {} answer, of all these prompts. Found if left empty. For answers of their own, choose **data set**."
    with answers_and_corruption:
        io, s = (
            column.text_input(f"{name} (optional)", key=key, bind="query-params", help=answer.format(which))
            for column, name, key, which in zip(
                st.columns(2), ("IO", "S"), (url.IO, url.S), ("right", "wrong"), strict=True
            )
        )
        space = _space_control() if io or s else True
        corruption = _corruption_control() if not corrupted.strip() else "S2 flip"
        people = _people_control()
    typed = texts_of("the prompts", clean, limits, several_lines=several)
    twins = texts_of("the corrupted prompts", corrupted, limits, several_lines=several)
    answers = checked_answer("IO", io), checked_answer("S", s)
    _say_what_is_read_otherwise((*typed, *twins, *answers))
    io, s = map(str.rstrip, answers)
    return PromptChoice(
        OWN,
        bos,
        corruption,
        clean=tuple(map(str.rstrip, typed)),
        corrupted=tuple(map(str.rstrip, twins)),
        io=io,
        s=s,
        answer_space=space,
        people=people,
    )


def _say_what_is_read_otherwise(texts: Sequence[str]) -> None:
    """Say that space at an end is left out, and that the name of the special token is no special token."""
    if any(text != text.rstrip() for text in texts):
        st.caption("White space at the end is left out: an answer brings its own space.")
    _say_what_is_no_token("\n".join(texts))


def _say_what_is_no_token(text: str) -> None:
    if "|endoftext|" in text:  # JSON may write its other two characters as codes
        st.caption("<|endoftext|> in a text is read as ordinary characters; the switch above puts the token in front.")


def _data_set(bos: bool, limits: Settings) -> PromptChoice:
    st.file_uploader(
        "Upload", type=("csv", "tsv", "jsonl", "json", "txt"), key=_UPLOAD, on_change=_take_upload, args=(limits,),
        help="Columns: clean, corrupted, io, s, and label if you like; published names are known too.",
    )  # fmt: skip
    data = _text_control("or paste it here", url.DATA, "With the column names in its first line.")
    skip = st.toggle(
        "Leave out rows that cannot be used", key=url.SKIP, bind="query-params",
        help="Off: the data set is refused, with the rows and reasons. On: the others are kept, and the page says so.",
    )  # fmt: skip
    space, corruption = _space_control(), _corruption_control("for rows without a corrupted prompt")
    people = _people_control()
    if problem := st.session_state.get(_UPLOAD_PROBLEM):
        raise PromptError(problem.got, f"{problem.change}, or take the file out of the field")
    check_size("the data set's rows", data, limits)
    _say_what_is_no_token(data)
    return PromptChoice(DATA, bos, corruption, answer_space=space, data=data, skip=skip, people=people)


_UPLOAD, _UPLOAD_PROBLEM = "_upload", "_upload_problem"


def _take_upload(limits: Settings) -> None:
    """Put an uploaded file into the field below, where it can be read and mended."""
    st.session_state[_UPLOAD_PROBLEM] = None
    if (file := st.session_state[_UPLOAD]) is None:
        return
    try:
        text = as_text(file.getvalue())
        check_size("the data set's rows", text, limits)
        st.session_state[url.DATA] = text
    except PromptError as error:
        st.session_state[_UPLOAD_PROBLEM] = error


def _text_control(label: str, key: str, help_text: str, value: str = "") -> str:
    """Ask for a text that is in the URL if it fits there, and say so if it does not."""
    unbound, left_out = f"_{key}_has_no_link", url.left_out(key)
    arrived = st.query_params.get(key, "")
    if key not in st.session_state and left_out in st.query_params:
        st.caption(":material/link_off: What stood here was too long for this link: it shows something else now.")
    if key not in st.session_state and not _fits(arrived):  # a link that came through all the same
        st.session_state[key], st.session_state[unbound] = arrived, True
    text = st.session_state.get(key, "")
    if _fits(text):
        if key in st.session_state:
            st.query_params.pop(left_out, None)
        if st.session_state.pop(unbound, False):
            st.session_state[key] = text  # written anew, or Streamlit would leave it out of the URL from now on
        return st.text_area(label, value, key=key, bind="query-params", help=help_text)
    st.session_state[unbound] = True
    st.query_params[left_out] = "true"
    text = st.text_area(label, value, key=key, help=help_text)
    st.caption(":material/link_off: Too long for a link: reloading the page, or its address, will not bring this back.")
    return text


def _fits(text: str) -> bool:
    """Return whether a text is short enough for the URL."""
    return len(text) <= _LONGEST_IN_URL and len(quote_plus(text, errors="replace")) <= _LONGEST_IN_URL


def _space_control() -> bool:
    return st.toggle(
        "Space before the answers", value=True, key=url.ANSWER_SPACE, bind="query-params",
        help="On: a space is put before IO and S where there is none, as a new word begins. Off: they are taken as "
        "written, for what continues a word or a number, such as 42 after 17.",
    )  # fmt: skip


def _people_control() -> bool:
    return st.toggle(
        "IO and S are people", key=url.PEOPLE, bind="query-params",
        help="ABC and the Circuit page put new first names in place of IO and S. Off: only where a first name or a "
        "title shows that they are people. On: wherever they begin with a capital letter, such as Obama and Clinton.",
    )  # fmt: skip


def _corruption_control(what: str = "") -> str:
    return st.selectbox(
        f"Corruption {what}".strip(), tuple(CORRUPTIONS), key=url.CORRUPTION, bind="query-params", help=_CORRUPTION_HELP
    )
