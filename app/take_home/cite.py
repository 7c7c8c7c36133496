"""A figure as a source to cite. No Streamlit here."""

import re

from app.take_home.record import Record

_PAPER = (
    "Wang, K., Variengien, A., Conmy, A., Shlegeris, B., & Steinhardt, J. (2023). Interpretability in the wild: A "
    "circuit for indirect object identification in GPT-2 small. ICLR 2023. https://arxiv.org/abs/2211.00593"
)


def citation(record: Record) -> str:
    """Return what a paper says of where the figure is from."""
    source, version = record.source, dict(record.source.versions)["ioi_core"]
    where = f" {source.url}" if source.url else ""
    return (
        f"The IOI Explorer authors. IOI Explorer (version {version}) [Computer software]. Figure: "
        f"{_on_one_line(record.title)}. Model: {source.model} (weights {source.fingerprint[:12]}); prompts: "
        f"{_on_one_line(source.in_words)}.{where}\n\nThe task and its circuit: {_PAPER}"
    )


def bibtex(record: Record) -> str:
    """Return the same for BibTeX; what LaTeX would run is left out of the title."""
    source, version = record.source, dict(record.source.versions)["ioi_core"]
    fields = {
        "author": "{The IOI Explorer authors}",
        "title": f"IOI Explorer: {_for_latex(record.title)}",
        "version": version,
        "note": f"Model {_for_latex(source.model)}, weights {source.fingerprint[:12]}; {_for_latex(source.in_words)}",
        **({"url": source.url} if source.url and not re.search(r"[{}\\\s]", source.url) else {}),
    }
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items())
    return f"@software{{ioi_explorer_{record.digest},\n{lines}}}"


def _on_one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _for_latex(text: str) -> str:
    return re.sub(r"([%&#_$])", r"\\\1", re.sub(r"[\\{}~^]", " ", _on_one_line(text)))
