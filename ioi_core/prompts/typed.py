"""Pairs from typed prompts: roles found, answers as tokens, and the corrupted twin made where none is given.

Each row takes the same steps: read the clean text, find or accept IO and S, read or make the corrupted text, compare
their lengths. What cannot be used is refused with its tokens and advice; nothing is guessed or silently cut.
"""

from collections.abc import Sequence
from dataclasses import replace

from ioi_core.errors import NotIOIError, PromptError
from ioi_core.inputs import Choice, Flag, Texts, as_flag, as_texts, one_a_row, shown
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.answers import answer_token
from ioi_core.prompts.corruptions import check_corruption, corrupt
from ioi_core.prompts.pairs import PromptPairs, PromptRow, stack_rows
from ioi_core.prompts.roles import Names, count, find_names, given_names
from ioi_core.prompts.text import TypedText, check_same_length, read_text, show_tokens

_SHOWN_ROWS = 10


def prompt_pairs(
    model: Model,
    clean: Texts,
    corrupted: Texts | None = None,
    io: Texts | None = None,
    s: Texts | None = None,
    *,
    corruption: Choice = "s2_flip",
    prepend_bos: Flag = True,
    answer_space: Flag = True,
    people: Flag = False,
) -> PromptPairs:
    """Return clean and corrupted prompts from one text or a list of texts that stop before the answer.

    Args:
        clean: the prompts.
        corrupted: their twins, one for all or one a row, of as many tokens each; None makes them by `corruption`.
        io, s: the answer and the name it competes with, one token each, one for all or one a row; None finds them: S is
            the only name that is repeated, IO the only other one.
        corruption: "s2_flip", "abc" or a signal flip ("ABB" ... "ABA"); used where `corrupted` is None.
        answer_space: put a leading space before a given io and s that has none; False takes both as written, for
            answers that go on with a word or a number ("17" + "42").
        people: io and s are people's names although the app knows neither a first name nor a title in them, such as
            "Obama" and "Clinton": "abc", "CDD" and "DCD" may put first names in place of them (if in capitals).

    Returns:
        Pairs with all roles; with only "END" where io and s are given and S is not repeated, or IO does not occur.

    Raises:
        NotIOIError: IO, S or the corrupted prompt must be given.
        PromptError: a text or name cannot be used; says what was got and what to change.
        PromptMismatchError: clean and corrupted differ in their number of tokens or of rows.
    """
    check_model(model)
    corruption, prepend_bos = check_corruption(corruption), as_flag(prepend_bos, "prepend_bos")
    answer_space, people = as_flag(answer_space, "answer_space"), as_flag(people, "people")
    texts = as_texts(clean)
    check_both_or_neither(io, s)
    columns = [one_a_row(column, name, len(texts)) for name, column in (("corrupted", corrupted), ("io", io), ("s", s))]
    rows = []
    for number, (text, twin, *answers) in enumerate(zip(texts, *columns, strict=True)):
        where = "" if len(texts) == 1 else f" {number + 1} of {len(texts)}"
        labels = [name if isinstance(column, str) else f"{name}{where}" for name, column in (("io", io), ("s", s))]
        row = prompt_row(
            model, text, twin, None if io is None else answers, corruption=corruption, prepend_bos=prepend_bos,
            answer_space=answer_space, people=people, where=where, labels=labels,
        )  # fmt: skip
        rows.append(replace(row, template=number))
    _check_one_kind(rows)
    return stack_rows(rows, prepend_bos=prepend_bos, people=people)


def prompt_row(
    model: Model,
    clean_text: object,
    corrupted_text: object,
    answers: Sequence[object] | None,
    *,
    corruption: str,
    prepend_bos: bool,
    answer_space: bool,
    people: bool,
    where: str = "",
    labels: Sequence[str] = ("io", "s"),
) -> PromptRow:
    """Return one row of `prompt_pairs`, whose errors it raises, as template 0.

    Args:
        answers: IO and S; None to have both found.
        where: names the row in messages (" 2 of 8"); labels: what messages call IO and S.
    """
    given = None if answers is None else _answer_ids(model, answers, labels, answer_space=answer_space)
    the = "" if where else "the "
    label, corrupted_label = f"{the}prompt{where}", f"{the}corrupted prompt{where}"
    clean = read_text(model, clean_text, label, prepend_bos=prepend_bos)
    names: Names | None
    if given is None:
        found = find_names(model, clean, label)
        names, ids = found, (answer_token(model, found.io, label), answer_token(model, found.s, label))
    else:
        io, s = (model.token_text(token).removeprefix(" ") for token in given)
        names, ids = given_names(model, clean, io, s, label), given
    if corrupted_text is not None:
        corrupted = read_text(model, corrupted_text, corrupted_label, prepend_bos=prepend_bos)
    elif names is not None:
        corrupted = corrupt(model, clean, names, corruption, label, people=people)
    else:
        raise NotIOIError(
            _needs_corrupted(model, clean, ids, label),
            f"give its corrupted prompt, of the same {len(clean.ids)} tokens {show_tokens(model, clean.ids)}",
        )
    check_same_length(model, clean.ids, corrupted.ids, label)
    length = len(clean.ids)
    return PromptRow(
        clean_text=clean.text,
        corrupted_text=corrupted.text,
        clean_ids=clean.ids,
        corrupted_ids=corrupted.ids,
        answers=ids,
        positions={"END": length - 1} if names is None else names.positions(length),
        template=0,
    )


def check_both_or_neither(io: object, s: object) -> None:
    """Refuse one answer without the other; NotIOIError says which is missing."""
    if (io is None) != (s is None):
        given, missing = ("s", "io") if io is None else ("io", "s")
        raise NotIOIError(f"got {given} without {missing}", "give both names, or neither to have both found")


def _answer_ids(
    model: Model, answers: Sequence[object], labels: Sequence[str], *, answer_space: bool
) -> tuple[int, int]:
    """Return the token ids of a row's given answers (IO, S); `labels` are what messages call them."""
    io, s = (
        answer_token(model, answer, label, space=answer_space) for answer, label in zip(answers, labels, strict=True)
    )
    if model.token_text(io).strip() == model.token_text(s).strip():  # " John" and "John" are one name
        raise PromptError(f"{' and '.join(labels)} are both {show_tokens(model, [io])}", "give two different answers")
    return io, s


def _needs_corrupted(model: Model, clean: TypedText, answers: tuple[int, int], label: str) -> str:
    """Return why no corrupted twin can be made of a prompt."""
    io, s = (model.token_text(token).removeprefix(" ") for token in answers)
    return (
        f"{label} is no IOI prompt, so no corrupted twin can be made: s must occur twice and io once, as whole words; "
        f"{shown(s)} stands there x {count(clean, s)} and {shown(io)} x {count(clean, io)}"
    )


def _check_one_kind(rows: Sequence[PromptRow]) -> None:
    """Refuse a batch in which only some prompts have all roles."""
    end_only = [str(number + 1) for number, row in enumerate(rows) if len(row.positions) == 1]
    if 0 < len(end_only) < len(rows):
        some = ", ".join(end_only[:_SHOWN_ROWS]) + ", ..." * (len(end_only) > _SHOWN_ROWS)
        raise PromptError(
            f"of the {len(rows)} prompts, numbers {some} are no IOI prompts (s is not repeated, or io is absent) "
            "and the others are",
            "analyse the two kinds apart",
        )
