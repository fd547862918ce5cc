"""Files for a model that reads nucleotides: DNA and RNA are right, proteins are refused."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tui_balancer.alphabets import NUCLEOTIDE, PROTEIN
from tui_balancer.failures import FailureCause
from tui_balancer.inputs import scan as module
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.counting import count_plain
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan_file
from tui_balancer.inputs.synthetic import RESIDUE_PERCENT
from tui_balancer.notices import NoticeKind, Notices

RULES = ReadingRules(max_length=10_000, alphabet=NUCLEOTIDE)

REFUSAL = "(the model reads nucleotides; embed proteins with another --model)"

GENE = "ATGGCTAAAGGTCTG" * 90 + "TAA"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return tmp_path / "contigs.fna"


def scanned(
    path: Path, rules: ReadingRules, monkeypatch: pytest.MonkeyPatch
) -> tuple[FileScan, Mapping[NoticeKind, int]]:
    """Return what the scan finds, which is the same with and without its fast way."""
    answers = []
    with monkeypatch.context() as patch:
        for _ in range(2):
            notices = Notices()
            found = scan_file(InputFile(str(path), path.name), rules, notices=notices)
            answers.append((found, {notice.kind: notice.count for notice in notices.all()}))
            patch.setattr(module, "count_plain", lambda *arguments: None)
    assert answers[0] == answers[1]
    return answers[0]


READ: Mapping[str, tuple[str, str, Mapping[NoticeKind, int]]] = {
    "a gene": (GENE, GENE, {}),
    "a tetramer": ("ACGT", "ACGT", {}),
    "short sequences": ("GATTACA\n>b\nTAGCAT\n>c\nCATGATT", "GATTACA", {}),
    "soft-masked": ("acgtACGTnnnn", "ACGTACGTNNNN", {}),
    "unknown bases": ("N" * 50, "N" * 50, {}),
    "aligned": ("AC-GT..A", "ACGTA", {}),
    "RNA": ("ACGUuAC", "ACGTTAC", {NoticeKind.URACIL: 1}),
    "every code": (
        "RYSWKMBDHVX" + "ACGT" * 4,
        "N" * 11 + "ACGT" * 4,
        {NoticeKind.AMBIGUOUS: 11},
    ),
    "a primer": ("GTNCARACNGGN", "GTNCANACNGGN", {NoticeKind.AMBIGUOUS: 1}),
}
"""A sequence, what is read of it, and what is noticed."""


@pytest.mark.parametrize("case", READ)
def test_nucleotides_are_read(fasta: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence, read, noticed = READ[case]
    fasta.write_text(f">a\n{sequence}\n")
    found, notices = scanned(fasta, RULES, monkeypatch)
    assert not found.error
    assert notices == noticed
    first = read_fasta(fasta, RULES).records[0]
    assert (first.residues, first.length) == (read, len(read))


def test_the_same_file_is_refused_for_proteins(fasta: Path) -> None:
    fasta.write_text(f">a\n{GENE}\n")
    read_fasta(fasta, RULES)
    with pytest.raises(InputError, match="looks like nucleotides"):
        read_fasta(fasta, ReadingRules(alphabet=PROTEIN))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (">a\nACGT\n>b\nMKTAYIAKQRQ\n", "line 4: looks like protein: 'I' is no base"),
        (">a\nACGT\nacgtle\n", "line 3: looks like protein: 'L' is no base"),
        (">a\nMKV*\n", "line 2: looks like protein: '*' is no base"),
        (">a\nMKRSTWYVHDGAC\n>b\nVRDMKHWVRD\n", "looks like protein: most of its letters are no"),
    ],
)
def test_a_protein_is_refused_with_one_line(
    fasta: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(text)
    found, _ = scanned(fasta, RULES, monkeypatch)
    assert found.error.startswith(reason)
    assert found.error.endswith(REFUSAL)
    assert "\n" not in found.error
    assert found.cause is FailureCause.PROTEIN


def test_every_file_of_common_proteins_is(fasta: Path) -> None:
    dice = random.Random(0)
    letters, weights = zip(*RESIDUE_PERCENT.items(), strict=True)
    for _ in range(200):
        sequences = ["".join(dice.choices(letters, weights, k=30)) for _ in range(5)]
        fasta.write_text("".join(f">p\n{one}\n" for one in sequences))
        assert count_plain(fasta, RULES) is None
        with pytest.raises(InputError, match="looks like protein"):
            read_fasta(fasta, RULES)


def test_a_record_of_ambiguity_codes_among_others_is_named(
    fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(">a\nACGTACGTACGT\n>b\nMKRSTWYVHD\n")
    found, notices = scanned(fasta, RULES, monkeypatch)
    assert not found.error
    assert notices[NoticeKind.AMINO_ACIDS] == 1
    strict = ReadingRules(alphabet=NUCLEOTIDE, strict=True)
    found, _ = scanned(fasta, strict, monkeypatch)
    assert found.error == "line 3: b: looks like protein (--strict)"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (">DL;PHAGE\nA title\nACGTACGT*\n", FailureCause.PROTEIN),
        (">DL;PHAGE\nACGTACGT\n", FailureCause.OTHER_FORMAT),
        (">a\nACG7\n", FailureCause.FOREIGN_LETTER),
        (">a\nACGß\n", FailureCause.FOREIGN_LETTER),
        ("@a\nACGT\n+\nIIII\n", FailureCause.NOT_FASTA),
        (">a\n\n>b\n--\n", FailureCause.NO_RESIDUES),
    ],
)
def test_what_is_wrong_for_proteins_is_wrong_for_nucleotides(
    fasta: Path, text: str, cause: FailureCause, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(text)
    found, _ = scanned(fasta, RULES, monkeypatch)
    assert found.cause is cause


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (">a\nACGT\n>b\nnan\n", NoticeKind.WORDS),
        (">a\nACGT\n>b\nNaN\n", NoticeKind.WORDS),
        (">tag\nACGT\n>cat\ncat\n", NoticeKind.ID_AS_SEQUENCE),
    ],
)
def test_words_and_ids_are_named(
    fasta: Path, text: str, kind: NoticeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(text)
    _, notices = scanned(fasta, RULES, monkeypatch)
    assert notices == {kind: 1}


def test_plain_dna_is_counted_fast_and_packed_dna_alike(fasta: Path) -> None:
    text = f">a\n{GENE}\n>b\n{GENE.lower()}\n".encode()
    fasta.write_bytes(text)
    plain = count_plain(fasta, RULES)
    assert plain is not None
    packed = fasta.with_suffix(".fna.gz")
    packed.write_bytes(gzip.compress(text))
    assert scan_file(InputFile(str(packed), packed.name), RULES).counts == plain.counts
