"""What the Prompt page asks for."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import Predictions, PromptPairs, Result


def prompt_requests(pairs: PromptPairs) -> tuple[Request[Predictions], Request[Result]]:
    """Ask for the predictions, and for the ranks of the answers with and without their leading space."""
    return ask(ioi_core.predictions, pairs=pairs), ask(ioi_core.answer_form_ranks, pairs=pairs)
