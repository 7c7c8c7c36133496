"""Tables of the Prompt page: tokens spelled out, ranks from 1."""

import json

import numpy as np
import pandas as pd

from app.questions.shown import Shown
from app.words.tokens import answer_labels, token_label, token_text
from ioi_core import Model, Predictions, PromptPairs
from ioi_core.attribution.predictions import ANSWERS, RUNS


def predictions_table(model: Model, result: Predictions, run: str, row: int, *, literal: bool = False) -> pd.DataFrame:
    """Return the most probable next tokens after one prompt; `literal` keeps their spaces, as files do."""
    index, spelled = RUNS.index(run), token_text if literal else token_label
    labels = [spelled(model, token) for token in result.top_ids[index, row]]
    probabilities = result.top_probs[index, row].astype(np.float64)
    return pd.DataFrame({"rank": range(1, len(labels) + 1), "token": labels, "probability": probabilities})


def answers_table(
    model: Model, pairs: PromptPairs, result: Predictions, row: int, *, literal: bool = False
) -> pd.DataFrame:
    """Return probability and rank of IO and S after the clean and the corrupted prompt: of several, sum and best.

    Args:
        literal: spell answers as data sets do: with their spaces, several as a JSON list.
    """
    labels = _answer_texts(model, pairs, row) if literal else answer_labels(model, pairs, row)
    return pd.DataFrame(
        [
            {
                "prompt": run,
                "answer": answer,
                "token": labels[n],
                "rank": int(result.answer_ranks[index, row, n]) + 1,
                "probability": float(result.answer_probs[index, row, n]),
            }
            for index, run in enumerate(RUNS)
            for n, answer in enumerate(ANSWERS)
        ]
    )


def _answer_texts(model: Model, pairs: PromptPairs, row: int) -> list[str]:
    sets = [[answer] for answer in pairs.answers[row]] if pairs.answer_sets is None else pairs.answer_sets[row]
    texts = [[token_text(model, answer) for answer in answers] for answers in sets]
    return [of_set[0] if len(of_set) == 1 else json.dumps(of_set, ensure_ascii=False) for of_set in texts]


def prompt_frame(pairs: PromptPairs, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return a row a prompt: its number, both texts, and `columns`."""
    texts = {"clean": list(pairs.clean_text), "corrupted": list(pairs.corrupted_text)}
    return pd.DataFrame({"prompt": np.arange(1, len(pairs) + 1), **texts, **columns})


def tokens_shown(run: str, row: int) -> list[Shown]:
    """Return what `predictions_table` shows."""
    axes, cells = ("run", "prompt", "rank"), (RUNS.index(run), row)
    return [Shown("top_probs", cells=cells, axes=axes), Shown("top_ids", cells=cells, axes=axes)]


def answers_shown(row: int) -> list[Shown]:
    """Return what `answers_table` shows."""
    axes, cells = ("run", "prompt", "answer"), (None, row)
    return [Shown("answer_probs", cells=cells, axes=axes), Shown("answer_ranks", cells=cells, axes=axes)]
