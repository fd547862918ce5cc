"""Strange inputs, and what is right for each: its exact sequences, a reason, or either.

Most are FASTA in some disguise: packed, with comments, in other encodings, an archive. The others
are put together at random; what they hold is read once more here, slowly and plainly.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise

from tests.faults.codecs import CODECS, damaged, made
from tests.support.zstandard import zstd

Sequences = tuple[tuple[str, str], ...]

SNIPPETS = (
    *(b">a\n", b">b with words\n", b">\n", b"> \n", b">a\r\n", b">a|b/../c\x1b[2J\n", b">\xff\n"),
    *(b"MKVLAAGIT\n", b"mkvl\n", b"MJBZX*\n", b"*\n", b"-.-\n", b"M K\tV\n", b"\n", b" \n", b"M"),
    *(b"MKV>b\n", b"MK1\n", b"M\0K\n", b"\xc3\xa9\n", b"\xef\xbb\xbf", b"@r\nACGT\n+\nIIII\n"),
    *(b";old\n", b"ACGT" * 300 + b"\n", b"W" * 1100 + b"\n", b"PK\x03\x04", b"\x1f\x8b", b"BZh9"),
    *(b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\r", b"\x89PNG\r\n", b"<html>\n", b"{}", b"\x00" * 9),
)
PACKINGS = (gzip.compress, bz2.compress, lzma.compress, zstd.compress)


@dataclass(frozen=True)
class Strange:
    """An input.

    Attributes:
        kind: What it is.
        data: Its bytes.
        sequences: Ids and residues that an output has to have; None if there must be none.
        reason: What a failure's reason has to have in it, a regular expression; None if there must
            be none.
    """

    kind: str
    data: bytes
    sequences: Sequences | None
    reason: str | None


def _fasta(dice: random.Random) -> tuple[list[str], Sequences]:
    """Return the lines of a good file, and its sequences."""
    lines: list[str] = []
    sequences = []
    for number in range(dice.randint(1, 4)):
        # Few, short ones: thousands of files have them, and all of their vectors are compared.
        residues = "".join(dice.choices("MKVLA", k=dice.randint(1, 4)))
        sequences.append((f"p{number}", residues))
        cut = dice.randint(0, len(residues))
        lines += [f">p{number} words; more", residues[:cut], residues[cut:]]
    return lines, tuple(sequences)


def _plain(dice: random.Random) -> tuple[bytes, Sequences]:
    lines, sequences = _fasta(dice)
    return "".join(f"{line}\n" for line in lines).encode(), sequences


def whole_streams(dice: random.Random) -> Strange:
    parts, sequences = made(dice, dice.choice(list(CODECS)), longest=9)
    return Strange("streams", b"".join(parts), tuple(sequences), None)


def damaged_streams(dice: random.Random) -> Strange:
    parts, sequences = made(dice, dice.choice(list(CODECS)), longest=9)
    _, data = damaged(dice, parts)
    reason = r"data (is damaged|is cut short|ends) here|line \d+: (not|looks like) FAST"
    return Strange("damaged streams", data, tuple(sequences), reason)


def marked(dice: random.Random) -> Strange:
    lines, sequences = _fasta(dice)
    data = "".join("\ufeff" * dice.choice((0, 0, 1, 2)) + line + "\n" for line in lines)
    return Strange("byte-order marks", data.encode(), sequences, None)


def commented(dice: random.Random) -> Strange:
    lines, sequences = _fasta(dice)
    notes = (";", "; note", ";>p9", ";MKV", ";\u00e9", "\ufeff;")
    between = [dice.choices(notes, k=dice.choice((0, 0, 1, 2))) for _ in lines]
    mixed = chain.from_iterable(zip(map("\n".join, between), lines, strict=True))
    return Strange("comments", "\n".join((*mixed, ";")).encode(), sequences, None)


def other_line_ends(dice: random.Random) -> Strange:
    lines, sequences = _fasta(dice)
    ends = dice.choice((["\r"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r"], ["\x0c\n", " \n", "\n\n"]))
    data = "".join(line + dice.choice(ends) for line in lines)
    return Strange("line ends", data.encode(), sequences, None)


def wide(dice: random.Random) -> Strange:
    data, _ = _plain(dice)
    encoding = dice.choice(("utf-16", "utf-32")) + dice.choice(("", "-le", "-be"))
    mark = dice.choice(("", "\ufeff")) if encoding[-3:] in ("-le", "-be") else ""
    text = (mark + data.decode()).encode(encoding)
    packed = dice.choice((bytes, *PACKINGS))(text)
    return Strange(
        "other encodings", packed, None, rf"^{encoding[:6].upper()}\S* text: save it as "
    )


def packed_twice(dice: random.Random) -> Strange:
    data, _ = _plain(dice)
    inner, outer = dice.choice(PACKINGS), dice.choice(PACKINGS)
    reason = r"^a (\w+) file inside a \w+ file: unpack it once$"
    return Strange("packed twice", outer(inner(data)), None, reason)


def _tar(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("a.faa")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.faa", data)
    return file.getvalue()


def archive(dice: random.Random) -> Strange:
    kind, make = dice.choice((("tar", _tar), ("zip", _zip)))
    data = make(_plain(dice)[0])
    packed = dice.choice((bytes, *PACKINGS))(data)
    return Strange(
        "archives", packed, None, rf"^a {kind} archive( packed with \w+)?: unpack it first$"
    )


def nul(dice: random.Random) -> Strange:
    data, _ = _plain(dice)
    place = dice.randrange(1, len(data))
    return Strange("NULs", data[:place] + b"\0" + data[place:], None, r"^line \d+: .*(NUL|\\x00)")


def no_protein(dice: random.Random) -> Strange:
    """Return a file of proteins with a record among them that is none: `--strict` refuses it."""

    def some(letters: str, length: int) -> str:
        return "".join(dice.choices(letters, k=length))

    protein = some("MKVLA", 20)
    codes = "".join(dice.sample(("Ala", "Met", "Lys", "Trp", "Val", "Gly", "Ser", "His"), 8))
    states = "".join(some("HEC", 1) * 4 for _ in range(12)) + "HHHHEEEECCCC"
    record, reason = dice.choice(
        [
            (f">P1;CRAB\nALPHA CRYSTALLIN\n{protein}*\n", r"this is PIR"),
            (f">F1;CRAB\nALPHA CRYSTALLIN\n{protein}\n", r"this is PIR"),
            (f">saprot\n{_by_turns(protein * 2)}\n", r"letters alternate in case"),
            (f">codes\n{codes}\n", r"looks like three-letter codes.*--strict"),
            (f">CODES\n{codes.upper()}\n", r"looks like three-letter codes.*--strict"),
            (f">ss_pred\n{states}\n", r"looks like secondary structure.*--strict"),
            (f">gene\n{some('ACGT', 99)}ACGT\n", r"looks like DNA or RNA.*--strict"),
            (f">rna\n{some('acgu', 99)}acgu\n", r"looks like DNA or RNA.*--strict"),
            (f">P1\n{some('MKVLA', 3)}Error fetching sequence\n", r"looks like words.*--strict"),
            (">lost\nNone\n", r"looks like words.*--strict"),
            (">sp|SEQA|X\nSEQA\n", r"is the same as its id.*--strict"),
        ]
    )
    records = [f">good{number}\n{protein}F\n" for number in range(dice.randint(1, 3))]
    place = dice.randint(0, len(records))
    records.insert(place, record)
    data = "".join(records).replace("\n", dice.choice(("\n", "\r\n")))
    packed = dice.choice((bytes, bytes, *PACKINGS))(data.encode())
    return Strange("no proteins", packed, None, rf"^line {1 + 2 * place}: .*{reason}")


def _by_turns(letters: str) -> str:
    return "".join(pair[0] + pair[1].lower() for pair in pairwise(letters))


def anything(dice: random.Random) -> Strange:
    """Return a file that might be FASTA, packed perhaps, damaged perhaps."""
    text = b"".join(dice.choices(SNIPPETS, k=dice.randint(0, 5)))
    if dice.random() < 0.7:
        text = b">first\nMKVLAAGIT\n" + text
    data = text
    if dice.random() < 0.3:
        data = dice.choice(PACKINGS)(text)
        if dice.random() < 0.4:
            data = data[: dice.randint(0, len(data))]
        elif dice.random() < 0.3:
            place = dice.randrange(len(data))
            data = data[:place] + dice.randbytes(3) + data[place:]
    if dice.random() < 0.05:
        text = data = dice.randbytes(dice.randint(0, 300))
    return Strange("anything", data, _sequences(text), r"\S")


def _sequences(text: bytes) -> Sequences:
    """Return what a text holds, provided that it can be read at all."""
    lines = re.split("\r\n|\r|\n", text.decode(errors="backslashreplace"))
    found: list[tuple[str, str]] = []
    for line in (line.lstrip("\ufeff") for line in lines):
        if line.startswith(">"):
            words = line[1:].split()
            found.append((words[0] if words else f"sequence_{len(found) + 1}", ""))
        elif found and not line.startswith(";"):
            found[-1] = (found[-1][0], found[-1][1] + re.sub(r"[\s.-]", "", line))
    cleaned = ((id_, residues.upper().rstrip("*")) for id_, residues in found)
    return tuple(
        (id_, re.sub("[^ACDEFGHIKLMNPQRSTVWYXBUZO]", "X", residues)[:1022])
        for id_, residues in cleaned
        if residues
    )


KINDS: tuple[Callable[[random.Random], Strange], ...] = (
    *(whole_streams, damaged_streams, marked, commented, other_line_ends),
    *(wide, packed_twice, archive, nul, no_protein),
)


def strange(dice: random.Random) -> Strange:
    """Return an input: of one of the kinds, or anything."""
    return dice.choice(KINDS)(dice) if dice.random() < 0.6 else anything(dice)
