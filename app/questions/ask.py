"""A request: which analysis, with which parameters. A plain value; no Streamlit here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One analysis and its parameters."""

    analysis: str
    parameters: dict[str, object]


def ask(analysis: str, **parameters: object) -> Request:
    """A request for `compute`."""
    return Request(analysis, parameters)
