"""The texts of "About this figure": what it shows, its definition and source.

They are in the about.md of each page's room, a section a figure: `## name of the figure`.
"""

from pathlib import Path


def read_sections(folder: Path) -> dict[str, str]:
    """Return the Markdown of every section of every about.md below `folder`, by the section's name.

    Raises:
        ValueError: two sections have the same name.
    """
    sections: dict[str, str] = {}
    for file in sorted(folder.rglob("about.md")):
        for section in file.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, text = section.partition("\n")
            if name in sections:
                raise ValueError(f"{file}: there is another section {name!r}; each figure has one text below {folder}")
            sections[name] = text.strip()
    return sections


ABOUT = read_sections(Path(__file__).parents[1])
