"""Records that are no protein are told from those that are, however short or simple."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_balancer.alphabets import PROTEIN
from tui_balancer.inputs.counting import count_plain
from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.suspects import (
    CHANCE,
    FREQUENCY,
    WORDS,
    Suspicion,
    share_chance,
    suspicion,
    word_chance,
)
from tui_balancer.inputs.synthetic import RESIDUE_PERCENT
from tui_balancer.notices import NoticeKind

REAL = Path(__file__).parents[2] / "data" / "real_proteins.faa"

GENE = "ATGGCTAAAGGTCTG" * 40 + "TAA"


def of(sequence: str, record_id: str = "P1", *, nucleotides: bool = True) -> Suspicion | None:
    return suspicion(record_id.encode(), sequence.encode(), PROTEIN, nucleotides=nucleotides)


SUSPECT = {
    "a gene": (GENE, NoticeKind.NUCLEOTIDES),
    "a gene in lower case": (GENE.lower(), NoticeKind.NUCLEOTIDES),
    "RNA": (GENE.replace("T", "U"), NoticeKind.NUCLEOTIDES),
    "a primer": ("GTAATACGACTCACTATAGGG", NoticeKind.NUCLEOTIDES),
    "16 bases": ("ACGTTGCATGCCAGTA", NoticeKind.NUCLEOTIDES),
    "a degenerate primer": ("GTNCARACNGGNGARTAYTGGTGGAAYGGNGCNACNATGG", NoticeKind.NUCLEOTIDES),
    "a masked contig": ("N" * 50 + "ACGTTGCATGCCAGTA" + "X" * 5, NoticeKind.NUCLEOTIDES),
    "an aligned gene": ("ATGGCTAA--AGGTCTGATG---GCTAAAGG", NoticeKind.NUCLEOTIDES),
    "codes": ("METLYSTHRALA", NoticeKind.THREE_LETTER),
    "codes of PDB": ("METLYSTHRALAGLYMSE", NoticeKind.THREE_LETTER),
    "codes in Title Case": ("MetLysThrAla", NoticeKind.THREE_LETTER),
    "one code in Title Case": ("AlaAlaAlaAla", NoticeKind.THREE_LETTER),
    "codes with dashes": ("Met-Lys-Thr-Ala-Ter", NoticeKind.THREE_LETTER),
    "three states": ("CCHHHHEEEE", NoticeKind.SECONDARY_STRUCTURE),
    "helix and loop": ("HHHHHCCCCC", NoticeKind.SECONDARY_STRUCTURE),
    "helix and loop, L for loops": ("LLLHHHHHHHHHLLL", NoticeKind.SECONDARY_STRUCTURE),
    "DSSP": ("--EEEEE-TTS-HHHHHHHHHTT--EEEEES", NoticeKind.SECONDARY_STRUCTURE),
    "DSSP with PPII": ("CCPPPCEEEEECTTSCHHHHHHHHHTTCC", NoticeKind.SECONDARY_STRUCTURE),
    "not found": ("NotFound", NoticeKind.WORDS),
    "words after a sequence": ("MKTAYIAKErrorfetchingsequence", NoticeKind.WORDS),
    "BioMart's placeholder": ("Sequenceunavailable", NoticeKind.WORDS),
    "the same in capitals": ("SEQUENCEUNAVAILABLE", NoticeKind.WORDS),
    "Python's nothing": ("None", NoticeKind.WORDS),
    "pandas' nothing": ("nan", NoticeKind.WORDS),
    "nothing in lower case": ("none", NoticeKind.WORDS),
    "R's nothing in lower case": ("na", NoticeKind.WORDS),
    "something missing": ("missing", NoticeKind.WORDS),
    "the same in capitals ": ("MISSING", NoticeKind.WORDS),
    "to be done": ("TBD", NoticeKind.WORDS),
    "a description": ("hypotheticalprotein", NoticeKind.WORDS),
    "SaProt's tokens": ("MaKbTdVsLlKpAaGgHhRrEeMdKv", NoticeKind.STRUCTURE_TOKENS),
}


@pytest.mark.parametrize("case", SUSPECT)
def test_what_is_no_protein_is_suspect(case: str) -> None:
    sequence, kind = SUSPECT[case]
    found = of(sequence)
    assert found is not None
    assert found.kind is kind
    assert bool(found.refusal) is (kind is NoticeKind.STRUCTURE_TOKENS)


PROTEINS = {
    "tripeptides": ["GAG", "ACT", "CAT", "TAG", "NAN", "GAC", "HEC"],
    "peptides of the bases' letters": ["ACGTACGTACGTACG", "GATTACA", "TAGCAT", "CATGATTACATTAG"],
    "poly-Q": ["Q" * 40, "Q" * 20 + "P" * 11],
    "poly-A, poly-G, poly-N, poly-T, poly-C": [letter * 60 for letter in "AGNTC"],
    "tags": ["HHHHHH", "H" * 10, "HEHEHEHEHEHE", "MGSSHHHHHHSSGLVPRGSH", "DYKDDDDK", "CCPGCC"],
    "linkers": ["GGGGS" * 6, "GSGSGSGSGSGSGSGSGSGSGSGS", "EAAAK" * 5, "GSAT" * 8, "SEG" * 9],
    "silk": ["GAGAGS" * 12, "GAGAGAGAGAGAGAGAGAGAGA", "GGAGQGGYGGLGSQGAGRGGLGGQ", "AAAAAAAAGGAGGA"],
    "antifreeze": ["AAT" * 14 + "AA", "DTASDAAAAAALTAANAKAAAELTAANAAAAAAATAR", "TCTNSQHCVKANTC"],
    "glycine-rich": ["GGGYGGGHGGHGGGGYNGGG", "MCGSYYGNYYGTPGYGFCGYGGLGYGYGGLGCGYGSCCGCG"],
    "keratin-associated": ["SYCGGYYGTGCGYGCGYGAGYGCGYGSGYGSSYGGCGYGYGGGC", "CCQPTCCRPSCCQTTCC"],
    "metallothionein": ["MDPNCSCAAGDSCTCAGSCKCKECKCTSCKKSCCSCCPVGCAKCAQGCICKGASDKCSCCA"],
    "amphipathic helices": ["KLAKLAKKLAKLAK", "LKKLLKLLKKLLKL", "ALAALAALAALAALA", "AEAEAKAKAEA"],
    "repeats of letters that are codes": ["SERSERSERSER", "GLYGLYGLYGLYGLY", "ARGARGARGARGARG"],
    "gramicidin, with D-residues": ["VGAlAvVvWlWlWlW"],
    "soft-masked": ["MKTAYIAKQRQISFVKshfsrqleerlgLIEVQ", "Mkkkkkkkkkklllllllll", "mktayiakqrq"],
    "selenoproteins": ["MCAAQRSAAALAAAAPRTVYAFSARPLAGGEPVSLGSLRGKVLLIENVASLUGTTVRDYTQM", "SCUG"],
    "pyrrolysine": ["TETRLIKNACAMAGRPGMGVOGPETSLSAQGNISAD"],
    "ambiguous": ["BZX" * 10, "MKXXXXXXXXXXXXXXXLV"],
}  # fmt: skip


@pytest.mark.parametrize("case", PROTEINS)
def test_what_may_be_a_protein_is_not(case: str) -> None:
    assert [one for one in PROTEINS[case] if of(one)] == []


def real_proteins() -> list[str]:
    with REAL.open() as text:
        return [sequence for _, sequence in SimpleFastaParser(text)]


@pytest.mark.parametrize("length", [3, 8, 10, 12, 15, 21, 30, 60])
def test_no_piece_of_a_real_protein_is(length: int) -> None:
    pieces = {
        one[start : start + length]
        for one in real_proteins()
        for start in range(max(1, len(one) - length + 1))
    }
    assert len(pieces) > 400
    assert [one for one in pieces if of(one) or of(one.lower())] == []


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400))
def test_no_random_protein_is(seed: int, length: int) -> None:
    dice = random.Random(seed)
    letters, weights = zip(*RESIDUE_PERCENT.items(), strict=True)
    sequence = "".join(dice.choices(letters, weights, k=length))
    assert of(sequence) is None
    masked = "".join(letter.lower() if dice.random() < 0.5 else letter for letter in sequence)
    assert of(masked) is None


def test_no_tripeptide_and_no_short_peptide_of_the_bases_letters_is() -> None:
    assert not any(of("".join(one)) for one in product(RESIDUE_PERCENT, repeat=3))
    assert not any(of("".join(one)) for one in product("ACGT", repeat=5))


@pytest.mark.parametrize("share", [0.75, 0.9, 1.0])
def test_bases_are_nucleotides_from_the_length_on_that_chance_does_not_bring(share: float) -> None:
    def bases(length: int) -> str:
        others = round(length * (1 - share))
        return "R" * others + ("ACGT" * length)[: length - others]

    lengths = range(4, 120)
    told = [length for length in lengths if of(bases(length))]
    for length in lengths:
        exact = (length - round(length * (1 - share))) / length
        assert (length in told) is (exact >= 0.75 and share_chance(length, exact) < CHANCE)
    assert min(told) == {0.75: 40, 0.9: 22, 1.0: 16}[share]


def test_the_bound_on_a_share_holds() -> None:
    """What Chernoff's bound says is not less than the binomial tail that it bounds."""
    from math import comb

    q = sum(FREQUENCY[letter] for letter in "ACGTUN")
    for length, least in product((5, 16, 40), (0.5, 0.75, 1.0)):
        counts = range(round(length * least), length + 1)
        tail = sum(comb(length, n) * q**n * (1 - q) ** (length - n) for n in counts)
        assert tail <= share_chance(length, round(length * least) / length) * (1 + 1e-9)
    assert share_chance(10, q / 2) == 1.0


@pytest.mark.parametrize("word", WORDS)
def test_no_word_is_in_a_protein_by_chance(word: bytes) -> None:
    assert 400 * word_chance(word) < CHANCE
    assert set(b"OU") & set(word)


@pytest.mark.parametrize(
    ("record_id", "sequence", "excusable"),
    [
        ("seqA", "seqA", False),
        ("INSULIN", "INSULIN", True),
        ("sp|ALBU|ALBU_HUMAN", "ALBU", True),
        ("SIINFEKL", "SIINFEKL", True),
        ("seqA", "seqA*", False),
    ],
)
def test_an_id_in_place_of_a_sequence_is(record_id: str, sequence: str, excusable: bool) -> None:
    assert of(sequence, record_id) == Suspicion(NoticeKind.ID_AS_SEQUENCE, excusable=excusable)


@pytest.mark.parametrize(
    ("record_id", "sequence"), [("A", "A"), ("seqA", "SEQA"), ("ALBU_HUMAN", "ALBU"), ("P1", "")]
)
def test_a_sequence_that_is_but_like_its_id_is_not(record_id: str, sequence: str) -> None:
    assert of(sequence, record_id) is None


@pytest.mark.parametrize("code", ["P1", "F1", "DL", "DC", "RL", "RC", "N1", "N3", "XX", "p1"])
def test_pir_is_told_by_its_header(code: str) -> None:
    assert of("ALPHAMKV*", f"{code};CRAB") == Suspicion(NoticeKind.PIR)
    assert of("ALPHAMKV", f"{code};CRAB") == Suspicion(NoticeKind.PIR)
    assert of("ACGT" * 40, f"{code};CRAB") == Suspicion(NoticeKind.PIR)
    assert of("ALPHAMKV*", f"{code}|CRAB") is None
    assert of("ALPHAMKV*", f"A{code};CRAB") is None


def test_nucleotides_are_let_through_where_they_are_wanted() -> None:
    assert of(GENE, nucleotides=False) is None


def short_bases(sequences: Sequence[str], folder: Path) -> int:
    """Return how many records of a file are taken for short DNA, read either way."""
    path = folder / "file.faa"
    path.write_text("".join(f">r{number}\n{one}\n" for number, one in enumerate(sequences)))
    stream = FastaStream(path, ReadingRules())
    assert len(list(stream)) == len(sequences)
    counts = stream.findings.counts
    quick = count_plain(path, ReadingRules())
    assert quick is None or quick.findings.counts == counts
    return counts.get(NoticeKind.SHORT_NUCLEOTIDES, 0)


@pytest.mark.parametrize(
    ("sequences", "found"),
    [
        (["ACGTACG", "TTGACAT", "GGCATC"], 3),
        (["acgtacg", "ttgacaunn"], 2),
        (["GATTACA", "TAGCAT", "CATGATT", "MKVLAAGIVG", "MKQLAAF", "MFL"], 3),
        (["GATTACA", "TAGCAT"], 0),
        (["ACGTACG", "TTGACAT", "GGCATC", *["MKVLAAGIVG"] * 4], 0),
        (["AAAAAAAA", "CCCCCCCC", "GGGGGGGG"], 0),
        (["GAGAC", "TACTA", "CATAG", "GATTA"], 0),
    ],
)
def test_short_bases_are_dna_in_the_company_of_their_kind(
    sequences: list[str], found: int, tmp_path: Path
) -> None:
    assert short_bases(sequences, tmp_path) == found


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 15))
def test_no_file_of_random_peptides_is_dna(seed: int, records: int, longest: int) -> None:
    dice = random.Random(seed)
    letters, weights = zip(*RESIDUE_PERCENT.items(), strict=True)
    peptides = [
        "".join(dice.choices(letters, weights, k=dice.randint(1, longest))) for _ in range(records)
    ]
    with TemporaryDirectory() as folder:
        assert short_bases(peptides, Path(folder)) == 0
