"""What the command line says of words that it cannot carry out."""

from __future__ import annotations

import pytest

from tests.support.commands import tui_balancer_here


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "a.faa"), "--output is missing: see `tui-balancer run --help`"),
        (("run", "a.faa", "-o"), "-o needs a value: see `tui-balancer run --help`"),
        (("report",), "OUT is missing: see `tui-balancer report --help`"),
    ],
)
def test_what_is_missing_is_named_with_the_help_that_explains_it(
    words: tuple[str, ...], said: str
) -> None:
    printed = tui_balancer_here(*words)
    assert (printed.returncode, printed.stdout) == (2, "")
    assert printed.stderr.splitlines() == [f"tui-balancer: {said}"]
