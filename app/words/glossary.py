"""The glossary: term -> what it means, in Markdown, in alphabetical order."""

from pathlib import Path

from app.words.phrases import unbroken

_FILE = Path(__file__).with_name("glossary.md")


def _read(file: Path) -> dict[str, str]:
    sections = file.read_text(encoding="utf-8").split("\n## ")[1:]
    return {term: " ".join(text.split()) for term, _, text in (section.partition("\n") for section in sections)}


GLOSSARY = _read(_FILE)


def in_words(terms: list[str]) -> str:
    """Return these terms with their meanings, as a list in Markdown."""
    return unbroken("\n".join(f"- **{term}**: {GLOSSARY[term]}" for term in terms))
