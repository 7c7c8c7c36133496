"""The Circuit page opened at one of its parts."""

from streamlit.testing.v1 import AppTest

from tests.app.pages import opened

PAGE = "../pages/circuit.py"
PARTS = ("backup heads", "token or position", "direct and total", "ways to ablate")
FRANCE = {
    "prompts": "own", "text": "The capital of France is", "corrupted": "The capital of Italy is", "io": "Paris",
    "s": "Rome",
}  # fmt: skip
SENTENCE = "When John and Mary went to the shops, John gave the bag to"


def page(part: str, **query: str | list[str]) -> AppTest:
    return opened(PAGE, circuit_part=part, **({"model": "ioi-demo"} | query))


def table(at: AppTest, column: str):
    return next(frame.value for frame in at.dataframe if column in frame.value.columns)
