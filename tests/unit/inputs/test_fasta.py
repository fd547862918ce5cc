"""Every kind of FASTA file a person may have becomes clean records or one line of reason."""

import bz2
import gzip
import hashlib
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.zstandard import zstd
from tui_balancer.alphabets import PROTEIN
from tui_balancer.failures import WORDS, FailureCause
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.counts import Counts
from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.findings import Spot
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.scan import FileScan, scan_file
from tui_balancer.notices import NoticeKind, Notices

RULES = ReadingRules()


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return tmp_path / "proteins.fasta"


def ids_and_residues(path: Path, data: bytes) -> list[tuple[str, str]]:
    path.write_bytes(data)
    return [(record.id, record.residues) for record in read_fasta(path, RULES).records]


def scanned(path: Path, rules: ReadingRules = RULES) -> FileScan:
    return scan_file(InputFile(str(path), path.name), rules)


READ = {
    "one line": (b">a\nMKV\n", [("a", "MKV")]),
    "several lines": (b">a\nMKV\nLLA\nW\n>b\nGG\nG\n", [("a", "MKVLLAW"), ("b", "GGG")]),
    "no newline at the end": (b">a\nMKV", [("a", "MKV")]),
    "CRLF": (b">a x\r\nMKV\r\nLL\r\n>b\r\nGG\r\n", [("a", "MKVLL"), ("b", "GG")]),
    "CR alone": (b">a\rMKV\r>b\rGG\r", [("a", "MKV"), ("b", "GG")]),
    "BOM": (b"\xef\xbb\xbf>a\nMKV\n", [("a", "MKV")]),
    "BOMs inside": (
        b">a\nMKV\r\n\xef\xbb\xbf>b\nGG\n\xef\xbb\xbf\xef\xbb\xbfG\r\xef\xbb\xbf>c\nLL\n\xef\xbb\xbf",
        [("a", "MKV"), ("b", "GGG"), ("c", "LL")],
    ),
    "comments": (
        b";old\n\xef\xbb\xbf;x\n>a ;b\n;c\r\nMK\r;>d\rVL\n;\n>b;e\n\n;MKV\nGG\n;",
        [("a", "MKVL"), ("b;e", "GG")],
    ),
    "form feeds": (b">a\nMKV\x0c\n\x0cLL\n", [("a", "MKVLL")]),
    "blank lines": (b"\n  \n>a\n\nMKV\n\nLL\n\n", [("a", "MKVLL")]),
    "blanks inside": (b">a\n MKV LLA\tGG \n", [("a", "MKVLLAGG")]),
    "lower case": (b">a\nmkvLLa\n", [("a", "MKVLLA")]),
    "stop at the end": (b">a\nMKV*\n>b\nGG**\n", [("a", "MKV"), ("b", "GG")]),
    "stop inside": (b">a\nMK*V*\n", [("a", "MKXV")]),
    "gaps": (b">a\nM-K..V--\n>b\nGG*--\n", [("a", "MKV"), ("b", "GG")]),
    "rare residues": (b">a\nMUOBZXuobzx\n", [("a", "MUOBZXUOBZX")]),
    "letters without a token": (b">a\nMJKj\n", [("a", "MXKX")]),
    "letters beyond ASCII": (">a\nM\u0416K\u00df\n".encode(), [("a", "MXKX")]),
    "empty sequences": (b">a\n>b\nMK\n>c\n-*\n", [("b", "MK")]),
    "a description": (b">sp|P1|A some protein OS=x\nMK\n", [("sp|P1|A", "MK")]),
    "a blank before the id": (b"> a rest\nMK\n", [("a", "MK")]),
    "no id": (
        b">\nMK\n>b\nGG\n> \nLL\n",
        [("sequence_1", "MK"), ("b", "GG"), ("sequence_3", "LL")],
    ),
    "a description in Latin-1": (b">a \xe9tude\nMK\n", [("a", "MK")]),
    "an id like a path": (b">../../etc/passwd\nMK\n", [("../../etc/passwd", "MK")]),
    "a very long header": (b">a " + b"x" * 1_000_000 + b"\nMK\n", [("a", "MK")]),
    "a '>' inside a header": (b">a >b\nMK\n", [("a", "MK")]),
    "titles of NCBI's nr": (b">WP_1.1 x [y]\x01WP_2.1 z\nMK\n", [("WP_1.1", "MK")]),
    "ids of NCBI's nr": (
        b">WP_1.1\x01WP_2.1 z\nMK\n>\x01b\nGG\n",
        [("WP_1.1", "MK"), ("b", "GG")],
    ),
}

REFUSED = {
    "an empty file": (b"", "the file is empty"),
    "nothing but blanks": (b"\n \n\t\n", "the file is empty"),
    "nothing but headers": (b">a\n>b\n*\n", "none of its 2 records has residues"),
    "prose": (b"\nDear reader,\n>a\nMK\n", "line 2: not FASTA: 'Dear reader,'"),
    "FASTQ": (b"@r1\nACGT\n+\nIIII\n", "line 1: looks like FASTQ: '@r1'"),
    "an escape sequence": (b"\x1b[2J", r"line 1: not FASTA: '\x1b[2J'"),
    "NUL in an id": (b">b\nGG\n>a\0\nMK\n", "line 3: there is a NUL character in the header"),
    "NUL in a description": (b">a b\0c\nMK\n", "line 1: there is a NUL character in the header"),
    "NUL in an empty record": (b">a\0\n>b\nMK\n", "line 1: there is a NUL character"),
    "UTF-16": (">a\nMK\n".encode("utf-16"), "UTF-16 text: save it as UTF-8 (iconv -f UTF-16 "),
    "big-endian UTF-16": ("\ufeff>a\nMK\n".encode("utf-16-be"), "(iconv -f UTF-16 -t UTF-8)"),
    "UTF-16 without a BOM": (">a\nMK\n".encode("utf-16-le"), "UTF-16LE text"),
    "big-endian UTF-16 without a BOM": (">a\nMK\n".encode("utf-16-be"), "UTF-16BE text"),
    "UTF-32": (">a\nMK\n".encode("utf-32"), "UTF-32 text: save it as UTF-8"),
    "big-endian UTF-32": ("\ufeff>a\nMK\n".encode("utf-32-be"), "UTF-32 text"),
    "UTF-32 without a BOM": (">a\nMK\n".encode("utf-32-le"), "UTF-32LE text"),
    "big-endian UTF-32 without a BOM": (">a\nMK\n".encode("utf-32-be"), "UTF-32BE text"),
    "packed UTF-16": (gzip.compress(">a\nMK\n".encode("utf-16")), "UTF-16 text"),
    "UTF-16 after UTF-8": (b">a\nMK\n" + ">b\nGG\n".encode("utf-16"), "line 3: '\\\\' is no"),
    "old comments for headers": (b";a\nMK\n", "line 2: not FASTA: 'MK'"),
    "nothing but comments": (b";a\n;b\n", "the file is empty"),
    "a comment that is indented": (b">a\nMK\n ;b\n", "line 3: ';' is not a residue"),
    "a residue after a comment": (b">a\n;\n\n;1\n1\n", "line 5: '1' is not a residue"),
    "NULs at the end": (b">a\nMK\n" + bytes(9), r"line 3: '\x00' is not a residue"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "line 1: not FASTA"),
    "a digit in a sequence": (b">a\nMK\n>b\nGG\nG1G\n", "line 5: '1' is not a residue"),
    "a joint without a newline": (b">a\nMKV>b\nGG\n", "line 2: '>' is not a residue"),
    "a byte that is not UTF-8": (b">a\nMK\xffV\n", "line 2: '\\\\' is not a residue"),
    "a NUL": (b">a\nMK\0V\n", r"line 2: '\x00' is not a residue"),
    "a truncated gzip": (gzip.compress(b">a\nMK\n" * 9)[:-12], "the gzip data is cut short here"),
    "a damaged gzip": (gzip.compress(b">a\nMK\n")[:-8] + bytes(8), "the gzip data is damaged here"),
    "text after a gzip": (gzip.compress(b">a\nMK\n") + b">b\nGG\n", "line 3: the gzip data ends"),
    "a truncated bzip2": (bz2.compress(b">a\nMK\n" * 9)[:-4], "the bzip2 data is cut short here"),
    "a damaged bzip2": (b"BZh91AYrest", "line 1: the bzip2 data is damaged here"),
    "a truncated xz": (lzma.compress(b">a\nMK\n" * 9)[:-4], "the xz data is cut short here"),
    "a damaged xz": (b"\xfd7zXZ\0damaged", "line 1: the xz data is damaged here"),
    "a truncated zstd": (zstd.compress(b">a\nMK\n" * 9)[:-4], "the zstd data is cut short here"),
    "a damaged zstd": (b"\x28\xb5\x2f\xfd\x00\xff", "line 1: the zstd data is damaged here"),
    "a gene": (b">a\n" + b"ACGTNacgtu\n" * 100, "looks like nucleotides: 100.0% of 1,000"),
}


@pytest.mark.parametrize("case", READ)
@pytest.mark.parametrize(
    "packed",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress],
    ids=["plain", "gzip", "bzip2", "xz", "zstd"],
)
def test_it_is_read(fasta: Path, case: str, packed: Callable[[bytes], bytes]) -> None:
    data, records = READ[case]
    assert ids_and_residues(fasta, packed(data)) == records


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_the_reason_and_the_line(fasta: Path, case: str) -> None:
    data, reason = REFUSED[case]
    fasta.write_bytes(data)
    with pytest.raises(InputError) as refusal:
        read_fasta(fasta, RULES)
    assert reason in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert refusal.value.cause in WORDS


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", FailureCause.EMPTY),
        (b">a\n\n", FailureCause.NO_RESIDUES),
        (b"MKV\n", FailureCause.NOT_FASTA),
        (">a\nMK\n".encode("utf-16"), FailureCause.NOT_UTF8),
        (gzip.compress(gzip.compress(b">a\nMK\n")), FailureCause.ARCHIVE),
        (gzip.compress(b">a\nMK\n" * 9)[:-12], FailureCause.DAMAGED),
        (b">a\nM1K\n", FailureCause.FOREIGN_LETTER),
        (b">a\n" + b"ACGT\n" * 300, FailureCause.NUCLEOTIDES),
        (b">P1;a\ntitle of it\nMKV*\n", FailureCause.OTHER_FORMAT),
    ],
    # Packed bytes hold the time.
    ids=lambda value: value.name if isinstance(value, FailureCause) else "",
)
def test_the_scan_and_the_worker_know_the_same_cause(
    fasta: Path, data: bytes, cause: FailureCause
) -> None:
    fasta.write_bytes(data)
    with pytest.raises(InputError) as refusal:
        read_fasta(fasta, RULES)
    assert (refusal.value.cause, scanned(fasta).cause) == (cause, cause)


def test_lines_that_are_dropped_are_counted_and_located(fasta: Path) -> None:
    bom = b"\xef\xbb\xbf"
    fasta.write_bytes(bom + b";1\n>a\n" + b"MK\r\n" * 99_998 + bom + b">b\rMK\r;4\n" + b";\n" * 9)
    stream = FastaStream(fasta, ReadingRules(max_length=200_000))
    assert [record.length for record in stream] == [199_996, 2]
    assert stream.findings.counts == {NoticeKind.BYTE_ORDER_MARK: 1, NoticeKind.COMMENT: 11}
    assert stream.findings.first(NoticeKind.BYTE_ORDER_MARK) == (Spot(0, line=100_001),)
    assert [spot.line for spot in stream.findings.first(NoticeKind.COMMENT)] == [
        1,
        100_003,
        100_004,
    ]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None], ids=["a folder", "nothing"])
def test_what_is_no_file_is_refused(fasta: Path, make) -> None:  # type: ignore[no-untyped-def]
    make(fasta)
    with pytest.raises(InputError, match="cannot be read: "):
        read_fasta(fasta, RULES)


@pytest.mark.parametrize(
    ("ids", "kept_apart"),
    [
        ("a a a", "a a_2 a_3"),
        ("a a_2 a", "a a_2 a_3"),
        ("a a a_2", "a a_3 a_2"),
        ("a a a_2 a_2 a_3", "a a_4 a_2 a_2_2 a_3"),
        ("a b a b", "a b a_2 b_2"),
    ],
)
def test_duplicate_ids_get_a_suffix_that_no_other_record_has(
    fasta: Path, ids: str, kept_apart: str
) -> None:
    fasta.write_text("".join(f">{id_}\nMK\n" for id_ in ids.split()))
    content = read_fasta(fasta, RULES)
    assert [record.id for record in content.records] == kept_apart.split()
    renamed = [record for record in content.records if record.repeats]
    assert len(renamed) == len(ids.split()) - len(set(ids.split()))


def test_the_header_is_kept_whole(fasta: Path) -> None:
    header = "WP_1.1 foo [X y]\x01WP_2.1 bar [Z w]"
    fasta.write_text(f">{header}\nMK\n")
    assert [one.header for one in read_fasta(fasta, RULES).records] == [header]


def test_a_record_without_an_id_leaves_a_real_id_alone(fasta: Path) -> None:
    records = ids_and_residues(fasta, b">\nMK\n>sequence_1\nGG\n")
    assert len({id_ for id_, _ in records}) == 2


def test_a_long_sequence_is_cut_and_keeps_its_length(fasta: Path) -> None:
    fasta.write_bytes(b">a\n" + b"MK" * 600 + b"\n>b\nMKV\n")
    first, second = read_fasta(fasta, ReadingRules(max_length=1022)).records
    assert (len(first.residues), first.length, first.truncated) == (1022, 1200, True)
    assert (second.length, second.truncated) == (3, False)


def test_counts_and_checksum_describe_the_file(fasta: Path) -> None:
    data = gzip.compress(b">a\nMJ*K*\n>b\n\n>a\nGG\n")
    fasta.write_bytes(data)
    content = read_fasta(fasta, RULES)
    assert content.records == (
        ProteinRecord("a", "MXXK", length=4, replaced=2, header="a"),
        ProteinRecord("a_2", "GG", length=2, header="a", repeats="a"),
    )
    assert content.left_out == (ProteinRecord("b", "", length=0, header="b"),)
    assert content.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("nucleotides", "others", "refused"),
    [(950, 50, True), (949, 51, False), (999, 0, False), (1000, 0, True)],
)
def test_nucleotides_are_refused_from_a_kilobase_and_95_percent_on(
    fasta: Path, nucleotides: int, others: int, refused: bool
) -> None:
    fasta.write_bytes(b">a\n" + b"G" * nucleotides + b"\n>b\n" + b"W" * others + b"\n")
    assert ("--allow-nucleotide" in scanned(fasta).error) is refused
    assert not scanned(fasta, ReadingRules(allow_nucleotide=True)).error


def pieces_of_fasta() -> st.SearchStrategy[bytes]:
    """Bytes that look like FASTA often enough to get past the first line."""
    lines = st.sampled_from(
        [b">a\n", b">b x\n", b">\n", b"MKV\n", b"mjo*\r\n", b"-.*\n", b"\n", b"M K", b"G" * 900]
    )
    text = st.lists(st.one_of(lines, lines, lines, st.binary(max_size=8))).map(b"".join)
    packed = st.one_of([text.map(one) for one in (gzip.compress, bz2.compress, zstd.compress)])
    cut = st.tuples(packed, st.integers(0, 60)).map(lambda pair: pair[0][: pair[1]])
    return st.one_of(st.binary(), text, packed, cut, cut.map(lambda data: data + b">a\nMK\n"))


@settings(max_examples=300, deadline=None)
@given(data=pieces_of_fasta(), max_length=st.integers(1, 12))
@example(data=b"\x1f\x8b", max_length=1)
@example(data=b">", max_length=1)
def test_any_bytes_become_records_or_an_input_error_and_the_scan_counts_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, max_length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.fasta"
    path.write_bytes(data)
    rules = ReadingRules(max_length=max_length)
    notices = Notices()
    counted = scan_file(InputFile(str(path), path.name), rules, notices=notices)
    assert counted.error.isprintable()
    if counted.error:
        with pytest.raises(InputError, match=re.escape(counted.error)):
            read_fasta(path, rules)
        return
    content = read_fasta(path, rules)
    records = content.records
    assert len({record.id for record in records}) == len(records) > 0
    for record in records:
        assert 0 < len(record.residues) == min(record.length, max_length)
        assert set(record.residues) <= set(PROTEIN.letters)
    tokens = [len(record.residues) + 2 for record in records]
    assert counted.counts == Counts(
        sequences=len(records),
        residues=sum(len(record.residues) for record in records),
        tokens=sum(tokens),
        squared_tokens=sum(count**2 for count in tokens),
        duplicates=len(records) - len({record.repeats or record.id for record in records}),
    )
    found = {
        NoticeKind.TRUNCATED: sum(record.truncated for record in records),
        NoticeKind.REPLACED: sum(record.replaced for record in records),
        NoticeKind.EMPTY: len(content.left_out),
    }
    told = {notice.kind: notice.count for notice in notices.all()}
    assert {kind: told.get(kind, 0) for kind in found} == found
    assert counted.sha256 == content.sha256 == hashlib.sha256(data).hexdigest()
