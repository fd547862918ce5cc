"""Inputs from a list and from a pipe."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.support.ledger_story import RUN, SESSION
from tui_balancer.cli.inputs import STDIN, named_inputs
from tui_balancer.errors import UserError
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", MARK])
def test_a_list_adds_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newline: str, mark: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("b.faa", "dir with spaces/d\x0c.faa", "*.faa")
    for name in names[:2]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listed = tmp_path / "list.txt"
    lines = [f"{mark}b.faa", "", "# not today: c.faa", f"{mark}  {names[1]}  ", "\t*.faa"]
    listed.write_bytes(newline.join(lines).encode())
    inputs = named_inputs(("a.faa",), listed, None)
    assert inputs == ("a.faa", *names)


@pytest.mark.parametrize("name", ["missing.fa", "nothing*.fa", "~nobody-of-that-name/x.fa"])
def test_a_missing_entry_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "b.faa").touch()
    listed = tmp_path / "list.txt"
    listed.write_bytes(f"{MARK}{tmp_path}/b.faa\r\n\r\n{name}\r\n".encode())
    with pytest.raises(UserError) as refusal:
        named_inputs((), listed, None)
    assert str(refusal.value) == f"{listed} line 3: no such file or folder: {name}"


def test_an_entry_of_a_run_that_was_begun_may_be_gone(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("gone.fa\n")
    with pytest.raises(UserError, match="line 1"):
        named_inputs((), listed, tmp_path)
    Ledger.create(tmp_path / LEDGER_NAME, RUN, SESSION).close()
    assert named_inputs((), listed, tmp_path) == ("gone.fa",)


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
    with pytest.raises(UserError, match="contains another text"):
        named_inputs((STDIN,), None, tmp_path)
    assert (tmp_path / "stdin.fasta").read_bytes() == b">a\nMK\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_standard_input_is_for_a_pipe_and_for_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="only run reads"):
        named_inputs((STDIN,), None, None)
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(UserError, match="is a terminal"):
        named_inputs((STDIN,), None, tmp_path)
