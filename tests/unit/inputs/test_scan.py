"""The scan counts every file, survives the bad ones, and stops when asked."""

import threading
from pathlib import Path

from tui_balancer.inputs.counts import NOTHING, Counts
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan

RULES = ReadingRules(max_length=4)


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.fasta").write_text(text)
    return tmp_path


def test_a_bad_file_is_a_result_with_the_reason_and_the_others_go_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a=">x\nMKVLLA\n>y\nMJ\n", b="no FASTA", c=">z\nGG\n")
    first, second, third = scan(find_inputs([folder]), RULES)
    assert first.counts == Counts(sequences=2, residues=6, tokens=6 + 4, squared_tokens=36 + 16)
    assert second.error.startswith("line 1: not FASTA")
    assert (second.counts, second.sha256, second.size_bytes) == (NOTHING, "", len("no FASTA"))
    assert (third.counts.sequences, third.error) == (1, "")


def test_a_file_that_vanished_is_a_result_too(tmp_path: Path) -> None:
    inputs = find_inputs([folder_of(tmp_path, a=">x\nMK\n")])
    inputs[0].path.unlink()
    assert scan(inputs, RULES)[0].error == "cannot be read: No such file or directory"


def test_progress_is_told_file_by_file_in_input_order(tmp_path: Path) -> None:
    inputs = find_inputs([folder_of(tmp_path, a=">x\nMK\n", b="bad", c=">z\nGG\n")])
    told: list[FileScan] = []
    assert scan(inputs, RULES, on_progress=told.append) == tuple(told)
    assert [result.input for result in told] == list(inputs)


def test_a_stopped_scan_returns_the_files_before(tmp_path: Path) -> None:
    inputs = find_inputs([folder_of(tmp_path, a=">x\nMK\n", b=">y\nMK\n", c=">z\nGG\n")])
    stop = threading.Event()

    def stop_after_the_second(result: FileScan) -> None:
        if result.input is inputs[1]:
            stop.set()

    assert len(scan(inputs, RULES, on_progress=stop_after_the_second, stop=stop)) == 2
