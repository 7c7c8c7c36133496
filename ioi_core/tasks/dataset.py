"""The tasks by name, and prompts of one of them as pairs."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ioi_core.inputs import Choice, Flag, WholeNumber, as_choice, as_flag, as_whole_number
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.dataset import MAX_PROMPTS
from ioi_core.prompts.pairs import PromptPairs, PromptRow, check_context, stack_rows
from ioi_core.tasks import sentences
from ioi_core.tasks.sentences import Draw, Sentence, Vocabulary


@dataclass(frozen=True)
class Task:
    """A kind of prompt.

    Attributes:
        title: what the task is called.
        question: what the model is asked, in one sentence.
        twin: what is another in the corrupted prompt.
        source: who studied it.
        sentence: returns what draws a sentence, given a model's vocabulary.
    """

    title: str
    question: str
    twin: str
    source: str
    sentence: Callable[[Vocabulary], Draw]

    def __repr__(self) -> str:
        return f"Task({self.title}, {self.source})"


TASKS: dict[str, Task] = {
    "greater_than": Task(
        "greater-than",
        "A span of years has begun: does the model end it with a later year?",
        "the span begins in the year 01 of its century",
        "Hanna, Liu and Variengien 2023",
        sentences.greater_than,
    ),
    "pronoun": Task(
        "gendered pronoun",
        "Does the model take up a first name with he or with she?",
        "a name of the other gender",
        "Mathwin, Corlouer, Kran, Barez and Nanda 2023",
        sentences.pronoun,
    ),
    "agreement": Task(
        "subject-verb agreement",
        "Does the verb agree with its subject, although another noun stands in between?",
        "the subject in the other number",
        "Linzen, Dupoux and Goldberg 2016",
        sentences.agreement,
    ),
    "capital": Task(
        "capital of a country",
        "Does the model name the capital of this country, and not of another?",
        "another country",
        "Merullo, Eickhoff and Pavlick 2023",
        sentences.capital,
    ),
    "docstring": Task(
        "docstring argument",
        "Does the model document the arguments of a function in their order?",
        "a function with other arguments above the same docstring",
        "Heimersheim and Janiak 2023",
        sentences.docstring,
    ),
}
"""Name -> task."""


def task_dataset(
    model: Model, task: Choice, n: WholeNumber, *, seed: WholeNumber = 0, prepend_bos: Flag = True
) -> PromptPairs:
    """Return n pairs of prompts of a task; the same for the same arguments, a longer set begins with the shorter one.

    Args:
        task: "greater_than", "pronoun", "agreement", "capital" or "docstring" (`TASKS`).
        n: 1 to 100,000 prompts. seed: of the draws, from 0.
    Returns:
        Pairs whose only role is "END"; `answer_sets` where a task has several right or wrong answers (greater-than:
        all later years against all others; agreement: three verbs against three; docstring: the next argument against
        the others), else None.
    Raises:
        ChoiceError: no such task. PromptError: a number out of bounds, or too few words that the model reads as one
            token.
    """
    prepend_bos = as_flag(prepend_bos, "prepend_bos")
    rows = list(task_rows(model, task, n, seed=seed))
    check_context(model, rows, prepend_bos=prepend_bos)
    return stack_rows(rows, prepend_bos=prepend_bos)


def task_rows(model: Model, task: Choice, n: WholeNumber, *, seed: WholeNumber) -> Iterator[PromptRow]:
    """Return the rows of `task_dataset` one by one, so that nobody has to hold them all; its errors are raised here."""
    check_model(model)
    task = as_choice(task, "task", tuple(TASKS))
    n = as_whole_number(n, "n, the number of prompts,", 1, MAX_PROMPTS)
    seed = as_whole_number(seed, "seed", 0, 2**63 - 1)
    vocabulary, draws = Vocabulary(model), random.Random(seed)
    draw = TASKS[task].sentence(vocabulary)
    return (_row(model, vocabulary, draw(draws)) for _ in range(n))


def _row(model: Model, vocabulary: Vocabulary, sentence: Sentence) -> PromptRow:
    clean, corrupted = (model.encode(text) for text in (sentence.clean, sentence.corrupted))
    right, wrong = vocabulary.tokens(sentence.right), vocabulary.tokens(sentence.wrong)
    return PromptRow(
        clean_text=sentence.clean,
        corrupted_text=sentence.corrupted,
        clean_ids=clean,
        corrupted_ids=corrupted,
        answers=(right[0], wrong[0]),
        positions={"END": len(clean) - 1},
        template=sentence.template,
        answer_sets=None if len(right) == len(wrong) == 1 else (right, wrong),
    )
