"""Structures in Foldseek's 3Di have the letters of amino acids: which they are is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.inputs.test_nucleotides import scanned
from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.failures import FailureCause
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.notices import NoticeKind

STRUCTURES = ReadingRules(alphabet=Alphabet("ACDEFGHIKLMNPQRSTVWY", structures=True))
BILINGUAL = ReadingRules(alphabet=Alphabet("ACDEFGHIKLMNPQRSTVWYX", bilingual=True))

LYSOZYME = "MKALIVLGLVLLSVTVQGKVFERCELARTLKRLGMDGYRGISLANWMCLAKWESGYNTRATNYNAGDRSTDYGIFQINSRYW"
FOLD = "ddaccvvvlvvvlqpfdpdpdvqlvllqlllvvcvfqqdqpflsscqqqwgqdnwgfnqcvnppdsctshtnrrtrnvqpfd"


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return tmp_path / "a.fasta"


@pytest.mark.parametrize("text", [FOLD, FOLD.upper(), "hhhheeeellhhhheeeellee", "acgtacgt" * 200])
def test_structures_are_read_in_either_case_and_look_like_nothing_else(
    fasta: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(f">a\n{text}\n")
    found, notices = scanned(fasta, STRUCTURES, monkeypatch)
    assert (found.error, notices) == ("", {NoticeKind.TRUNCATED: 1} if len(text) > 1022 else {})
    assert read_fasta(fasta, STRUCTURES).records[0].residues == text.upper()[:1022]


def test_outputs_say_what_was_read() -> None:
    names = [rules.alphabet.name for rules in (STRUCTURES, BILINGUAL)]
    assert names == ["3di", "protein"]


def test_what_is_no_state_is_read_as_unknown(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fasta.write_text(">a\nDDXBuv-v*\n")
    found, notices = scanned(fasta, STRUCTURES, monkeypatch)
    assert (found.error, notices) == ("", {NoticeKind.REPLACED: 3})
    assert read_fasta(fasta, STRUCTURES).records[0].residues == "DDXXXVV"


def test_structures_are_named_among_proteins_of_a_model_that_reads_both(
    fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(f">a\n{LYSOZYME}\n>b\n{FOLD}\n>c\n{LYSOZYME.capitalize()}\n>d\nmkv\n")
    found, notices = scanned(fasta, BILINGUAL, monkeypatch)
    assert (found.error, notices) == ("", {NoticeKind.STRUCTURE: 1})
    strict = ReadingRules(alphabet=BILINGUAL.alphabet, strict=True)
    found, _ = scanned(fasta, strict, monkeypatch)
    assert found.error == "line 3: b: is in lower case, as structures in 3Di are (--strict)"
    found, notices = scanned(fasta, ReadingRules(alphabet=PROTEIN), monkeypatch)
    assert (found.error, notices) == ("", {})


def test_a_file_of_structures_is_never_read_as_proteins(
    fasta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta.write_text(f">a\n{FOLD}\n>b\n{FOLD[::-1]}\n")
    found, _ = scanned(fasta, BILINGUAL, monkeypatch)
    assert found.error.startswith("looks like structures: ")
    assert "--as 3di" in found.error
    assert found.cause is FailureCause.OTHER_FORMAT
    fasta.write_text(f">a\n{FOLD.upper()}\n")
    assert scanned(fasta, BILINGUAL, monkeypatch)[0].error == ""
