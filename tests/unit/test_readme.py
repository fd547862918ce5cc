"""The README says nothing that is not so: commands, keys, messages, snippets, links, pictures."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from xml.etree import ElementTree

import pytest

from tests.balancing_figure import acts, bound, picture
from tests.manual import README, written
from tui_balancer.cli.app import app
from tui_balancer.cli.commands.demo import DEMO_SECONDS

ROOT = README.parent
TEXT = README.read_text()
TESTED = (
    r"<!-- loading-snippets.*?<!-- /loading-snippets -->",
    r"<!-- kinds-snippets.*?<!-- /kinds-snippets -->",
    r"<!-- snakemake-rule -->\n```python.*?```",
)
"""Parts whose Python is run by tests, in tests/processes and tests/pipelines."""


def section(heading: str) -> str:
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found.group(1)


def test_the_table_of_keys_is_that_of_the_program() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.manual"


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
    top = TEXT.partition("**Contents**")[0]
    assert re.findall(r"(\d+) minutes", top) == [f"{DEMO_SECONDS / 60:g}"]


def test_python_is_shown_only_where_a_test_runs_it() -> None:
    rest = TEXT
    for part in TESTED:
        rest, count = re.subn(part, "", rest, flags=re.DOTALL)
        assert count == 1, part
    assert "```python" not in rest


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_link_within_leads_somewhere_and_the_contents_name_every_section() -> None:
    headings = re.findall(
        r"^##+ (.+)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.MULTILINE
    )
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert set(links) <= {slug(heading) for heading in headings}
    contents = TEXT.partition("## Install")[0]
    top = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert [slug(one) for one in top] == re.findall(
        r"^- \[[^]]+\]\(#([^)]+)\)", contents, re.MULTILINE
    )


def test_every_picture_and_file_that_is_linked_is_there() -> None:
    paths = [path for path in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in path]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_figure_of_balancing_shows_what_is_said_of_it() -> None:
    played, least = acts(), bound()
    told = re.search(r"they take ([\d,]+) s, .* (\d+), .* (\d+), where the bound is (\d+)", TEXT)
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
                part.value if isinstance(part, ast.Constant) else "…" for part in node.values
            )


def messages() -> list[str]:
    """Return what troubleshooting quotes of the program's words."""
    return re.findall(r"“([^”]+)”", section("When something is wrong"))


@pytest.mark.parametrize("message", messages())
def test_what_the_program_is_said_to_say_it_says(message: str) -> None:
    assert message in spoken()


def test_troubleshooting_quotes_the_program() -> None:
    assert len(messages()) > 15
