"""Generated IOI prompts: the templates of Wang et al. 2022 filled with random names, places and objects.

Row k uses the k-th of the selected templates, from the first again after the last, so the templates and both orders are
as even as n allows. Each row draws the same things in the same order whatever the arguments: a longer data set begins
with the shorter one, and data sets that differ only in corruption or BOS have the same clean prompts. All names of a
row, clean and new, differ from each other, which neither Wang et al.'s code nor ARENA's ensures.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate, chain, cycle, islice

from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, Flag, TemplateChoice, WholeNumber, as_flag, as_whole_number
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.corruptions import check_corruption, replaced_names
from ioi_core.prompts.names import IOI_LISTS
from ioi_core.prompts.pairs import PromptPairs, PromptRow, check_context, stack_rows
from ioi_core.prompts.templates import Template, select_templates

MAX_PROMPTS = 100_000
_N_CLEAN, _N_NEW = 3, 5  # different names of the longest clean prompt (A, B, C); its name slots, each new under "abc"

Encode = Callable[[str], tuple[int, ...]]


def ioi_dataset(
    model: Model,
    n: WholeNumber,
    *,
    seed: WholeNumber = 0,
    templates: TemplateChoice = "mixed",
    corruption: Choice = "s2_flip",
    prepend_bos: Flag = True,
) -> PromptPairs:
    """Return n pairs of prompts that stop before the answer, with all roles; the same for the same arguments.

    Args:
        n: 1 to 100,000 prompts.
        seed: of the draws, from 0.
        templates: "mixed" (14: seven sentences in both orders), "ABBA", "BABA" (15 each), or template numbers.
        corruption: "s2_flip", "abc" (new names everywhere) or a signal flip ("ABB" ... "ABA").

    Raises:
        PromptError: an argument outside these, or prompts longer than the model's context.
    """
    prepend_bos = as_flag(prepend_bos, "prepend_bos")
    rows = list(ioi_rows(model, n, seed=seed, templates=templates, corruption=corruption))
    check_context(model, rows, prepend_bos=prepend_bos)
    return stack_rows(rows, prepend_bos=prepend_bos)


def ioi_rows(
    model: Model, n: WholeNumber, *, seed: WholeNumber, templates: TemplateChoice, corruption: Choice
) -> Iterator[PromptRow]:
    """Return the rows of `ioi_dataset` one by one, so that nobody has to hold them all; its errors are raised here."""
    check_model(model)
    n = as_whole_number(n, "n, the number of prompts,", 1, MAX_PROMPTS)
    seed = as_whole_number(seed, "seed", 0, 2**63 - 1)
    selected = select_templates(templates)
    corruption = check_corruption(corruption)
    encode: Encode = cache(lambda piece: tuple(model.encode(piece)))
    names = [name for name in IOI_LISTS["NAMES"] if len(encode(f" {name}")) == 1]
    if len(names) < _N_CLEAN + _N_NEW:
        raise PromptError(f"{model.name} has only {len(names)} names of one token, a prompt needs {_N_CLEAN + _N_NEW}")
    draws = random.Random(seed)
    return (_row(draws, encode, names, template, corruption) for template in islice(cycle(selected), n))


def _row(draws: random.Random, encode: Encode, names: Sequence[str], template: Template, corruption: str) -> PromptRow:
    """Draw one prompt and make its corrupted twin."""
    io, s, third, *new = draws.sample(names, _N_CLEAN + _N_NEW)
    fill = {"A": io, "B": s, "C": third}
    fill |= {"PLACE": draws.choice(IOI_LISTS["PLACES"]), "OBJECT": draws.choice(IOI_LISTS["OBJECTS"])}
    words = [fill[slot] for slot in template.slots]
    io_slots, s_slots, third_slots = (
        [index for index, slot in enumerate(template.slots) if slot == name] for name in "ABC"
    )
    at = {"io_at": io_slots, "s_at": s_slots, "others_at": third_slots}
    replaced = replaced_names(corruption, io, s, **at, new=iter(new))
    clean = template.fill(words)
    corrupted = template.fill([replaced.get(index, word) for index, word in enumerate(words)])
    clean_ids = [encode(piece) for piece in clean]
    starts = list(accumulate(map(len, clean_ids), initial=0))
    io_at, s1_at, s2_at = (starts[2 * slot + 1] for slot in (io_slots[0], s_slots[0], s_slots[-1]))
    return PromptRow(
        clean_text="".join(clean),
        corrupted_text="".join(corrupted),
        clean_ids=tuple(chain.from_iterable(clean_ids)),
        corrupted_ids=tuple(chain.from_iterable(map(encode, corrupted))),
        answers=(encode(f" {io}")[0], encode(f" {s}")[0]),
        positions={"IO": io_at, "S1": s1_at, "S1+1": s1_at + 1, "S2": s2_at, "END": starts[-1] - 1},
        template=template.number,
    )
