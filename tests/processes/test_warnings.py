"""What a run finds odd about its inputs is said wherever it is told of, with file and record."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here

pytestmark = pytest.mark.usefixtures("preloaded")

GENE = "ATGGCTAAAGGTCTG" * 40 + "TAA"


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warned") / "in"
    folder.mkdir()
    (folder / "a.faa").write_text(f">p1\nMKVLAAGIV\n>1abc:A:gene x\n{GENE}\n>p1\nMKV\n")
    (folder / "b.faa").write_text(">P12345\nNot Found\n>p2\nMKVLAAGIV\n>none\n\n")
    (folder / "notes.txt").write_text("Proteins of 2024")
    (folder / "more.zip").write_bytes(b"PK\x03\x04")
    (folder / ".cache").mkdir()
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    checkpoint = make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_tiny.pt")
    return ("--model", str(checkpoint), "--devices", "cpu", "--cpu-workers", "1")


WARNINGS = (
    "empty sequences are left out: 1 in 1 file (b.faa line 5: none)",
    "repeated ids are kept apart by a suffix: 1 in 1 file (a.faa line 5: p1)",
    "sequences look like DNA or RNA: 1 in 1 file (a.faa line 3: 1abc:A:gene)",
    "sequences look like words: 1 in 1 file (b.faa line 1: P12345 (notfound))",
    "files that do not begin like FASTA are left out: 1 (in/notes.txt)",
    "archives are left out, unpack them first: 1 (in/more.zip)",
    "hidden files and folders are left out: 1 (in/.cache)",
    "links that lead nowhere are left out: 1 (in/gone)",
    "pipes, sockets and devices are left out: 1 (in/pipe)",
)


@pytest.fixture(scope="module")
def run_folder(proteins: Path, options: tuple[str, ...]) -> Path:
    output = proteins.parent / "out"
    result = tui_balancer_here("run", proteins, "-o", output, *options, "--headless")
    assert result.returncode == 0, result.stderr
    for line in WARNINGS:
        assert result.stdout.count(f"warning  {line}\n") == 2, "when it is found, and at the end"
    return output


def test_plan_names_them_before_the_run(proteins: Path, options: tuple[str, ...]) -> None:
    result = tui_balancer_here("plan", proteins, *options)
    assert result.returncode == 0
    told = {line for line in result.stdout.splitlines() if line.startswith("warning")}
    assert told == {f"warning  {line}" for line in WARNINGS}


def test_the_report_has_each_with_its_kind_count_and_examples(run_folder: Path) -> None:
    result = tui_balancer_here("report", run_folder, "--json")
    warnings = {one["kind"]: one for one in json.loads(result.stdout)["warnings"]}
    assert warnings["nucleotides"] == {
        "text": "sequences look like DNA or RNA: 1 in 1 file",
        "kind": "nucleotides",
        "count": 1,
        "files": 1,
        "examples": [{"file": "a.faa", "line": 3, "record": "1abc:A:gene", "detail": ""}],
    }
    assert warnings["hidden"]["examples"] == [
        {"file": "in/.cache", "line": None, "record": "", "detail": ""}
    ]
    assert warnings.keys() == {
        *("empty", "repeated_id", "nucleotides", "words"),
        *("not_fasta", "archive", "hidden", "broken_link", "special"),
    }


def test_the_page_has_a_section_of_them(run_folder: Path) -> None:
    assert tui_balancer_here("report", run_folder).returncode == 0
    page = (run_folder / "report.html").read_text()
    assert (
        page.index(">Warnings<")
        < page.index("a.faa line 3: 1abc:A:gene")
        < page.index(">Timeline<")
    )


def test_a_resumed_run_still_says_what_its_files_have(
    proteins: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    tui_balancer_here("run", proteins, "-o", output, *options, "--headless")
    (output / "a_ESM.pt").unlink()
    result = tui_balancer_here("resume", output, "--headless")
    assert result.returncode == 0, result.stderr
    for line in WARNINGS:
        assert result.stdout.count(f"warning  {line}\n") == 2, "when it is found, and at the end"
    report = json.loads(tui_balancer_here("report", output, "--json").stdout)
    texts = [one["text"] for one in report["warnings"]]
    assert len(texts) == len({*texts}) == len(WARNINGS) + 1, "each once, and the lost output"


def test_strict_fails_the_files_that_are_not_all_proteins(
    proteins: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    command: list[str | Path] = ["run", proteins, "-o", tmp_path / "out", *options, "--headless"]
    result = tui_balancer_here(*command, "--strict")
    assert result.returncode == 1
    assert (
        "failed   a.faa: line 3: 1abc:A:gene: looks like DNA or RNA (--strict)\n" in result.stdout
    )
    assert "failed   b.faa: line 1: P12345: looks like words (--strict)\n" in result.stdout
    again = tui_balancer_here(*command)
    assert again.returncode == 2
    assert "--strict is on there, off was asked" in again.stderr
