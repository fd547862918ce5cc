"""Numbers on the command line: each option has a range, and says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from cyclopts import Argument

from tests.support.commands import tui_balancer_here
from tui_balancer.cli.app import app
from tui_balancer.cli.declarations import Range


def numeric() -> Iterator[tuple[str, Argument]]:
    """Yield every option that takes a number, with its command."""
    for command in app:
        if not command.startswith("-"):
            for argument in app[command].assemble_argument_collection():
                if {int, float} & {argument.hint, *get_args(argument.hint)}:
                    yield command, argument


NEEDED = {
    "virnucpro": ("PREFIX",),
    "run": ("-o", "out"),
    "resume": ("out",),
    "replay": ("out",),
    "control": ("out", "policy", "count"),
    "store": ("prune", "vectors"),
}

NUMERIC = [pytest.param(*one, id=f"{one[0]} {one[1].name}") for one in numeric()]


@pytest.mark.parametrize(("command", "argument"), NUMERIC)
def test_every_number_has_a_range(command: str, argument: Argument) -> None:
    assert isinstance(argument.parameter.converter, Range)


@pytest.mark.parametrize("text", ["nan", "-inf", "x", f"{10**23}"])
@pytest.mark.parametrize(("command", "argument"), NUMERIC)
def test_what_is_out_of_it_is_refused_in_one_line(
    command: str, argument: Argument, text: str
) -> None:
    refused = tui_balancer_here(command, *NEEDED.get(command, ()), f"{argument.name}={text}")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"tui-balancer: {argument.name} must be a")
    assert refused.stderr.endswith(f", not {text}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--cpu-workers 0", "--cpu-workers must be a whole number from 1 to 1,024, not 0"),
        ("--cpu-workers 2.5", "--cpu-workers must be a whole number from 1 to 1,024, not 2.5"),
        ("--workers-per-gpu 0", "must be auto or a whole number from 1 to 64, not 0\n"),
        ("--workers-per-gpu many", "must be auto or a whole number from 1 to 64, not many\n"),
        ("--cpu-threads 1000000", "--cpu-threads must be a whole number from 1 to 1,024, not"),
        ("--seed 9223372036854775808", "from 0 to 9,223,372,036,854,775,807, not"),
        ("--max-length 0", "--max-length must be a whole number from 1 to 1,000,000,000, not 0"),
        (
            "--release-idle 5w",
            "--release-idle must be a time such as 90s, 5m or 2h, in seconds more",
        ),
        (
            "--release-idle 0m",
            "--release-idle must be a time such as 90s, 5m or 2h, in seconds more",
        ),
        ("--hang-floor 0", "--hang-floor must be a number more than 0 and at most 10,000,000,"),
    ],
)
def test_the_line_says_the_range(words: str, line: str) -> None:
    refused = tui_balancer_here("run", "proteins", "-o", "out", *words.split())
    assert refused.returncode == 2
    assert line in refused.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("1d", 86400)]
)
def test_a_time_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    words = ["plan", "proteins", f"--release-idle={text}"]
    _, bound, _ = app.parse_args(words, exit_on_error=False)
    assert bound.arguments["devices"].release_idle == seconds


def test_the_ends_of_a_range_are_in_it() -> None:
    words = ["proteins", "--seed", "9223372036854775807", "--cpu-threads", "1", "--repr-layer=-1"]
    _, bound, _ = app.parse_args(["plan", *words], exit_on_error=False)
    assert bound.arguments["model"].seed == 2**63 - 1
    assert bound.arguments["devices"].cpu_threads == 1
    assert bound.arguments["embedding"].repr_layer == -1
