"""Tables for other programs have one row a line."""

from __future__ import annotations

import pytest
from rich.table import Table

from tui_balancer.cli.console import stdout_console

NAME = " ".join(["Processor"] * 20)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = Table("device", "name", "weight")
    table.add_row("cpu:0", NAME, "2.00")
    stdout_console().print(table)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [None, "40"])
def test_a_row_is_one_line_where_nobody_looks_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert any("cpu:0" in line and NAME in line and "2.00" in line for line in printed(capsys))
