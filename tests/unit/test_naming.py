"""Inputs from a list and from a pipe."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tui_balancer.errors import UserError
from tui_balancer.naming import STDIN, named_inputs


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_list_adds_its_lines(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("b.faa\n\n# not today: c.faa\n  dir with spaces/d.faa  \n")
    inputs = named_inputs(("a.faa",), listed, None)
    assert inputs == ("a.faa", "b.faa", "dir with spaces/d.faa")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff\xfe\0", "not UTF-8"), (b"# none\n", "names no input")],
)
def test_a_list_that_says_nothing_is_refused_by_name(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    listed = tmp_path / "list.txt"
    if content is not None:
        listed.write_bytes(content)
    with pytest.raises(UserError, match=rf"{listed}.*{reason}"):
        named_inputs((), listed, None)


def test_what_is_piped_is_kept_in_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    for _ in range(2):
        piped(monkeypatch, b">a\nMK\n")
        inputs = named_inputs(("x.faa", STDIN), None, output)
        assert inputs == ("x.faa", str(output / "stdin.fasta"))
        assert [path.name for path in output.iterdir()] == ["stdin.fasta"]
        assert (output / "stdin.fasta").read_bytes() == b">a\nMK\n"


def test_another_text_into_the_same_run_is_refused_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, b">a\nMK\n")
    named_inputs((STDIN,), None, tmp_path)
    piped(monkeypatch, b">b\nMK\n")
    with pytest.raises(UserError, match="holds another text"):
        named_inputs((STDIN,), None, tmp_path)
    assert (tmp_path / "stdin.fasta").read_bytes() == b">a\nMK\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_standard_input_is_for_a_pipe_and_for_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="by run alone"):
        named_inputs((STDIN,), None, None)
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(UserError, match="is a terminal"):
        named_inputs((STDIN,), None, tmp_path)
