"""The pages of the manual, their sections, and a search through them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from tui_balancer.errors import UserError

PAGES: Final = (
    "getting-started",
    "inputs",
    "models",
    "outputs",
    "store",
    "screen-and-keys",
    "control",
    "monitoring",
    "balancing",
    "resume-and-faults",
    "clusters",
    "pipelines",
    "troubleshooting",
    "performance",
    "ledger",
    "contributing",
    "changes",
)
"""In the order of reading; each is NAME.md in this folder."""

_HEADING: Final = re.compile(r"^(#{1,4}) +(.+)$")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a page and the text below it, up to the next heading.

    Attributes:
        page: The page's name.
        heading: Without its number signs.
        level: 1 for the title of the page.
        text: Markdown, without the heading.
    """

    page: str
    heading: str
    level: int
    text: str

    @property
    def anchor(self) -> str:
        """The fragment that links to it, as GitHub makes it of the heading."""
        return re.sub(r"[^\w -]", "", self.heading.lower()).replace(" ", "-")


@cache
def page(name: str) -> str:
    """Return a page as Markdown.

    Raises:
        UserError: There is no such page.
    """
    if name not in PAGES:
        raise UserError(f"no page {name!r} in the manual: choose from {', '.join(PAGES)}")
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8")


@cache
def sections(name: str) -> tuple[Section, ...]:
    """Return the sections of a page, in order; number signs within code are no headings."""
    return tuple(_split(name, page(name)))


def title(name: str) -> str:
    """Return the title of a page."""
    return sections(name)[0].heading


def search(words: str) -> tuple[Section, ...]:
    """Return the sections that have the words, those with more of them in the heading first.

    Where none has all, those that have the most.
    """
    wanted = words.lower().split()
    counted = [
        (_count(f"{section.heading}\n{section.text}", wanted), section)
        for name in PAGES
        for section in sections(name)
    ]
    most = max(number for number, _ in counted)
    found = [section for number, section in counted if number == most] if most else []
    return tuple(sorted(found, key=lambda section: -_count(section.heading, wanted)))


def _count(text: str, words: list[str]) -> int:
    lowered = text.lower()
    return sum(word in lowered for word in words)


def _split(name: str, text: str) -> Iterator[Section]:
    heading, level, lines, code = "", 0, list[str](), False
    for line in text.splitlines():
        code ^= line.startswith("```")
        match = None if code else _HEADING.match(line)
        if match is None:
            lines.append(line)
            continue
        if level:
            yield Section(name, heading, level, "\n".join(lines).strip())
        heading, level, lines = match[2], len(match[1]), []
    yield Section(name, heading, level, "\n".join(lines).strip())
