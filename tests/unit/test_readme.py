"""README and manual say nothing that is not so: commands, options, keys, messages, links."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.balancing_figure import acts, bound, picture
from tests.manual import KEYS_PAGE, written
from tui_balancer.cli.app import app
from tui_balancer.cli.commands.demo import DEMO_SECONDS
from tui_balancer.manual.pages import PAGES, page, sections
from tui_balancer.ui.keymap import KEYS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FILES = {
    ROOT / "README.md": README,
    **{ROOT / "tui_balancer" / "manual" / f"{name}.md": page(name) for name in PAGES},
}
TEXT = "\n".join(FILES.values())
TESTED = (
    r"<!-- example-snippet.*?<!-- /example-snippet -->",
    r"<!-- loading-snippets.*?<!-- /loading-snippets -->",
    r"<!-- kinds-snippets.*?<!-- /kinds-snippets -->",
    r"<!-- contributors-examples.*?<!-- /contributors-examples -->",
    r"<!-- snakemake-rule -->\n```python.*?```",
)
"""Parts whose Python is run by tests, in tests/processes and tests/pipelines."""


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200


def test_the_table_of_keys_is_that_of_the_program() -> None:
    text = FILES[KEYS_PAGE]
    assert written(text) == text, "run: python -m tests.manual"


def commands() -> list[str]:
    """Return the lines of shell in which the program is called, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    calls = [re.sub(r"^(\$ )?(.*[|;&] )?(?=tui-balancer )", "", line) for line in lines]
    return [call for call in calls if call.startswith("tui-balancer ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line: str) -> None:
    words = shlex.split(re.sub(r" [>|] .*", "", line), comments=True)[1:]
    if "--help" in words:
        assert words[0] in app
    else:
        app.parse_args(
            ["/dev/stdin" if word == "-" else word for word in words],
            exit_on_error=False,
            print_error=False,
        )


def test_the_demo_takes_as_long_as_is_said() -> None:
    top = README.partition("## Why")[0]
    assert re.findall(r"(\d+) minutes", top) == [f"{DEMO_SECONDS / 60:g}"]


def test_python_is_shown_only_where_a_test_runs_it() -> None:
    rest = TEXT
    for part in TESTED:
        rest, count = re.subn(part, "", rest, flags=re.DOTALL)
        assert count == 1, part
    assert "```python" not in rest


OF_OTHER_PROGRAMS = {"--index-url", "--tls"}
"""Options of pip, and words that begin several of ours."""

LINKS = [
    (path, target)
    for path, text in FILES.items()
    for target in re.findall(r"\]\(([^)]+)\)", text)
    if "://" not in target
]


def test_every_link_and_picture_leads_to_a_file_and_a_section() -> None:
    anchors = {
        ROOT / "tui_balancer" / "manual" / f"{name}.md": {one.anchor for one in sections(name)}
        for name in PAGES
    }
    lost = []
    for path, target in LINKS:
        where, _, anchor = target.partition("#")
        file = (path.parent / where).resolve() if where else path
        if not file.exists() or (anchor and anchor not in anchors[file]):
            lost.append((path.name, target))
    assert len(LINKS) > 20
    assert lost == []


def test_the_readme_links_to_every_page_of_the_manual() -> None:
    assert [name for name in PAGES if f"(tui_balancer/manual/{name}.md)" not in README] == []


def test_every_option_that_is_named_exists() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))
    of_this_program = {*app.help_flags, *app.version_flags, *option_names()}
    assert named - of_this_program - OF_OTHER_PROGRAMS == set()


def test_every_option_is_named() -> None:
    named = set(re.findall(r"(--[a-z-]+)", TEXT))
    assert {name for name in option_names() if name.startswith("--")} - named == set()


def test_every_tab_key_is_named() -> None:
    shown = {key.shown for key in KEYS}
    assert [key for key in shown if f"`{key}`" not in FILES[KEYS_PAGE]] == []


def option_names() -> set[str]:
    """Return every option of every command, also those that take something back."""
    commands = [app[name] for name in app if not name.startswith("-")]
    return {
        name
        for command in commands
        for argument in command.assemble_argument_collection()
        for name in (*argument.names, *argument.negatives)
    }


def test_the_figure_of_balancing_shows_what_is_said_of_it() -> None:
    played, least = acts(), bound()
    text = " ".join(page("balancing").split())
    told = re.search(
        r"they take ([\d,]+) s, with stealing (\d+), .*? shared (\d+), where the bound is (\d+)",
        text,
    )
    assert told is not None
    seconds = [float(number.replace(",", "")) for number in told.groups()]
    assert seconds == pytest.approx([*(one.seconds for one in played), least], rel=0.05)
    drawn = ElementTree.fromstring(picture(played, least))
    lanes = {title.text for title in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"cuda:0", "cuda:1", "cuda:2", "cuda:3"} <= lanes


@cache
def spoken() -> str:
    """Return every text of the program, a line each, with … for what is filled in."""
    return "\n".join(
        text.replace("\n", " ")
        for path in sorted((ROOT / "tui_balancer").rglob("*.py"))
        for text in _texts(ast.parse(path.read_text()))
    )


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )


def messages() -> list[str]:
    """Return what troubleshooting quotes of the program's words."""
    return re.findall(r"“([^”]+)”", page("troubleshooting"))


@pytest.mark.parametrize("message", messages())
def test_what_the_program_is_said_to_say_it_says(message: str) -> None:
    assert message in spoken()


def test_troubleshooting_quotes_the_program() -> None:
    assert len(messages()) > 15
