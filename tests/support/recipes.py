"""The examples of the page for contributors, and a copy of the program to apply them to."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import tui_balancer
from tui_balancer.manual.pages import sections

_EXAMPLE = re.compile(
    r"^`((?:tui_balancer|tests)/[\w/.]+)`\n\n```(python|diff)\n(.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Example:
    """What is to be done with one file.

    Attributes:
        path: The file, from the root of the project.
        new: Whether it is a new file; else it is changed.
        text: Its content, or the changes.
    """

    path: str
    new: bool
    text: str

    def apply(self, root: Path) -> None:
        """Do it in a copy of the program."""
        path = root / self.path
        if self.new:
            assert not path.exists()
            path.write_text(self.text)
            return
        content = path.read_text()
        for hunk in self.text.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            assert content.count(before) == 1, f"{self.path} has this not once:\n{before}"
            content = content.replace(before, after)
        path.write_text(content)


def recipes() -> dict[str, tuple[Example, ...]]:
    """Return the examples of each section that has some."""
    found = {
        section.heading: tuple(
            Example(path, kind == "python", text)
            for path, kind, text in _EXAMPLE.findall(section.text)
        )
        for section in sections("contributing")
    }
    return {heading: examples for heading, examples in found.items() if examples}


def copy_of_program(root: Path) -> None:
    """Copy the package, its tests, the README and the settings of the checks into a folder."""
    source = Path(tui_balancer.__file__).parents[1]
    for name in ("tui_balancer", "tests"):
        shutil.copytree(
            source / name,
            root / name,
            ignore=shutil.ignore_patterns("__pycache__", "__snapshots__"),
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(source / name, root)
