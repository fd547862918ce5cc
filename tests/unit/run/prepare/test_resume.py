"""What a run that goes on does with its files, by what has become of their inputs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan_file
from tui_balancer.ledger.records import FileRow, FileState, RunRecord, SessionRecord
from tui_balancer.outputs.layout import output_paths
from tui_balancer.run.prepare.resume import Resuming, StoredRun, plan_resume
from tui_balancer.run_folder.manifest import file_records

SHAPE = Esm2Shape(2, 40, 4)
DONE, WAITING, FAILED = FileState.DONE, FileState.WAITING, FileState.FAILED


@pytest.fixture
def proteins(tmp_path: Path) -> Path:
    folder = tmp_path / "proteins"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.fasta").write_text(f">{name}\nMKVLAAGIT\n")
    return folder


def stored(folder: Path, *states: FileState, **session: dict[str, str]) -> StoredRun:
    """The run over a folder as it is now, its files in these states."""
    inputs = find_inputs([folder])
    rows = [
        FileRow(
            file=file_records([scan_file(file, ReadingRules())], [output], SHAPE, 0, number)[0],
            state=state,
            reason="out of luck" if state is FAILED else "",
            attempts=1,
            device="cpu:0",
            output_sha256="",
            output_bytes=0,
            vectors=1 if state is DONE else 0,
            truncated=0,
            replaced=0,
            skipped=0,
        )
        for number, (file, output, state) in enumerate(
            zip(inputs, output_paths(inputs), states, strict=True)
        )
    ]
    return StoredRun(
        RunRecord(1.0, "model", {"inputs": [str(folder)]}),
        (SessionRecord(1.0, "node1", 7, session.get("versions", versions())),),
        tuple(rows),
    )


def test_unchanged_inputs_leave_the_rest_to_be_finished(proteins: Path) -> None:
    run = stored(proteins, DONE, WAITING, FAILED)
    os.utime(proteins / "a.fasta", ns=(1, 1))
    resume_plan = plan_resume(run, [[str(proteins)]], Resuming())
    assert (resume_plan.rescanned, resume_plan.reopened, resume_plan.added) == (set(), set(), ())
    assert (resume_plan.files, resume_plan.has_work, resume_plan.warnings) == (3, True, ())
    finished = plan_resume(stored(proteins, DONE, DONE, FAILED), [[str(proteins)]], Resuming())
    assert not finished.has_work


def test_a_change_of_one_letter_at_the_same_time_and_size_of_another_is_found(
    proteins: Path,
) -> None:
    run = stored(proteins, DONE, WAITING, DONE)
    (proteins / "a.fasta").write_text(">a\nMKVLAAGIV\n")
    (proteins / "b.fasta").unlink()
    with pytest.raises(UserError, match=r"2 inputs changed .* a.fasta \(changed\), b.fasta \(gone"):
        plan_resume(run, [[str(proteins)]], Resuming())
    assert plan_resume(run, [[str(proteins)]], Resuming(rescan=True)).rescanned == {0, 1}


def test_a_full_check_reads_inputs_whose_size_and_time_are_the_same(proteins: Path) -> None:
    run = stored(proteins, DONE, DONE, DONE)
    status = (proteins / "a.fasta").stat()
    (proteins / "a.fasta").write_text(">a\nMKVLAAGIV\n")
    os.utime(proteins / "a.fasta", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not plan_resume(run, [[str(proteins)]], Resuming()).has_work
    with pytest.raises(UserError, match=r"1 input changed .* a.fasta \(changed"):
        plan_resume(run, [[str(proteins)]], Resuming(full_check=True))


def test_the_input_of_a_finished_output_may_be_gone(proteins: Path) -> None:
    run = stored(proteins, DONE, DONE, DONE)
    (proteins / "c.fasta").unlink()
    resume_plan = plan_resume(run, [[str(proteins)]], Resuming())
    assert not resume_plan.has_work
    assert resume_plan.warnings == ("1 input of finished outputs is missing: c.fasta",)


def test_failed_files_are_looked_at_only_when_they_are_retried(proteins: Path) -> None:
    run = stored(proteins, FAILED, FAILED, DONE)
    (proteins / "b.fasta").write_text(">b\nMMMM\n")
    assert not plan_resume(run, [[str(proteins)]], Resuming()).has_work
    retried = plan_resume(run, [[str(proteins)]], Resuming(retry_failed=True))
    assert (retried.reopened, retried.rescanned) == ({0}, {1})


def test_new_inputs_are_named_and_added_on_demand_beside_the_outputs_that_stand(
    proteins: Path,
) -> None:
    run = stored(proteins, DONE, DONE, DONE)
    (proteins / "a.faa").write_text(">a\nMMMM\n")
    (warning,) = plan_resume(run, [[str(proteins)]], Resuming()).warnings
    assert warning.startswith("1 input appeared since the scan and stays out: a.faa;")
    ((added, output),) = plan_resume(run, [[str(proteins)]], Resuming(rescan=True)).added
    assert (added.name, str(output)) == ("a.faa", "a.faa_ESM.pt")


def test_inputs_may_be_named_in_another_way_but_not_be_others(proteins: Path) -> None:
    run = stored(proteins, DONE, WAITING, WAITING)
    names = [str(proteins / f"{name}.fasta") for name in "cab"]
    assert plan_resume(run, [names], Resuming()).warnings == ()
    with pytest.raises(UserError, match=r"the run has 3 inputs, 2 are named now and b.fasta not"):
        plan_resume(run, [names[:2]], Resuming())


def test_other_versions_of_what_computes_are_told(proteins: Path) -> None:
    run = stored(proteins, DONE, DONE, WAITING, versions={"torch": "1.0", "fair-esm": "2.0.0"})
    (warning,) = plan_resume(run, [[str(proteins)]], Resuming()).warnings
    assert warning.startswith("torch is ")
    assert "was 1.0 before" in warning


def test_an_output_that_lacks_sequences_is_made_anew_when_failed_ones_are_retried(
    proteins: Path,
) -> None:
    run = stored(proteins, DONE, DONE, DONE)
    lacking = replace(run, files=(run.files[0], with_fields(run.files[1], vectors=0), run.files[2]))
    assert not plan_resume(lacking, [[str(proteins)]], Resuming()).has_work
    retried = plan_resume(lacking, [[str(proteins)]], Resuming(retry_failed=True))
    assert (retried.rescanned, retried.reopened) == (set(), {1})
