"""The made-up proteins of the demo: uneven, plausible, and the same for a seed."""

from pathlib import Path
from statistics import median

import pytest

from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.inputs.synthetic import LONGEST, RESIDUE_PERCENT, SHORTEST, write_synthetic

RULES = ReadingRules(max_length=LONGEST)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    written = [
        [
            path.read_bytes()
            for path in write_synthetic(tmp_path / name, files=5, sequences=60, seed=seed)
        ]
        for name, seed in [("first", 7), ("second", 7), ("third", 8)]
    ]
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(("files", "sequences"), [(1, 1), (12, 500), (9, 3)])
def test_there_are_as_many_files_and_sequences_as_asked_for(
    tmp_path: Path, files: int, sequences: int
) -> None:
    paths = write_synthetic(tmp_path, files=files, sequences=sequences, seed=0)
    scans = scan(find_inputs([tmp_path]), RULES)
    assert [result.input.path for result in scans] == list(paths)
    assert len(scans) == files
    assert not any(result.error for result in scans)
    assert all(result.counts.sequences for result in scans)
    assert sum(result.counts.sequences for result in scans) == max(files, sequences)


def test_lengths_and_residues_are_those_of_viral_proteins(tmp_path: Path) -> None:
    (path,) = write_synthetic(tmp_path, files=1, sequences=1000, seed=0)
    records = read_fasta(path, RULES).records
    lengths = [record.length for record in records]
    assert 150 < median(lengths) < 250
    assert min(lengths) >= SHORTEST
    assert max(lengths) <= LONGEST
    residues = "".join(record.residues[1:] for record in records)
    for letter, percent in RESIDUE_PERCENT.items():
        assert 100 * residues.count(letter) / len(residues) == pytest.approx(percent, abs=0.5)


def test_few_files_hold_most_of_the_work(tmp_path: Path) -> None:
    write_synthetic(tmp_path, files=40, sequences=2000, seed=0)
    scans = scan(find_inputs([tmp_path]), RULES)
    work = sorted((result.counts.tokens for result in scans), reverse=True)
    assert sum(work[:10]) > sum(work) / 2
