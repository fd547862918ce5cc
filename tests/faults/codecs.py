"""Thousands of damaged packed files: `python -m tests.faults.codecs --files 2000 --seed 1`.

Each is made of several streams, as tools and people put them together, and then damaged in one
place: a bit or byte is changed, bytes are added or taken out, or the end is cut off. Either its
sequences are all there and as they were, or the file is refused; anything else is a silent loss.

Files that no reader can see through are not made: zstd frames without a checksum, and files that
are cut between two streams, where they are whole.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

from tests.support.zstandard import zstd
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan_file
from tui_balancer.inputs.unpacking import BLOCK_BYTES

RULES = ReadingRules(max_length=BLOCK_BYTES)
LETTERS = "ACDEFGHIKLMNPQRSTVWY"

Sequences = list[tuple[str, str]]


def _gzip(dice: random.Random, data: bytes) -> bytes:
    return gzip.compress(data, dice.randint(0, 9), mtime=dice.randrange(1 << 32))


def _bzip2(dice: random.Random, data: bytes) -> bytes:
    return bz2.compress(data, dice.randint(1, 9))


def _xz(dice: random.Random, data: bytes) -> bytes:
    check = dice.choice((lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256))
    return lzma.compress(data, check=check, preset=dice.randint(0, 3))


def _zstd(dice: random.Random, data: bytes) -> bytes:
    parameters = zstd.CompressionParameter
    options = {
        int(parameters.checksum_flag): 1,
        int(parameters.content_size_flag): dice.randint(0, 1),
        int(parameters.compression_level): dice.randint(-3, 9),
    }
    return zstd.compress(data, options=options)


def _skippable(dice: random.Random) -> bytes:
    data = dice.randbytes(dice.randint(0, 20))
    magic = bytes((dice.randint(0x50, 0x5F), 0x2A, 0x4D, 0x18))
    return magic + len(data).to_bytes(4, "little") + data


CODECS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
}
FILLING: dict[str, Callable[[random.Random], bytes]] = {
    "gzip": lambda dice: bytes(dice.randint(0, 9)),
    "bzip2": lambda dice: bytes(dice.randint(0, 9)),
    "xz": lambda dice: bytes(4 * dice.randint(0, 3)),
    "zstd": _skippable,
}
"""What may stand between streams, and after them."""


def made(dice: random.Random, codec: str, longest: int) -> tuple[list[bytes], Sequences]:
    """Return the streams of a whole file, and its sequences, of so many residues at most."""
    parts: list[bytes] = []
    sequences: Sequences = []
    counts = [dice.randint(0, 4) for _ in range(dice.randint(2, 4))]
    counts[dice.randrange(len(counts))] += 1
    for count in counts:
        records = [
            (f"p{dice.randrange(1000)}_{len(sequences) + number}", _sequence(dice, longest))
            for number in range(count)
        ]
        sequences += records
        text = "".join(f">{id_} some words\n{residues}\n" for id_, residues in records)
        if dice.random() < 0.3:
            parts.append(FILLING[codec](dice))
        parts.append(CODECS[codec](dice, text.encode()))
    if dice.random() < 0.3:
        parts.append(FILLING[codec](dice))
    # What begins with zeros is not known for a packed file.
    while parts[0][:1] in (b"", b"\0"):
        del parts[0]
    return parts, sequences


def _sequence(dice: random.Random, longest: int) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randint(1, longest)))


def damaged(dice: random.Random, parts: list[bytes]) -> tuple[str, bytes]:
    """Return how a file was damaged in one place, and the file."""
    data = b"".join(parts)
    place = dice.randrange(len(data))
    before, after = data[:place], data[place:]
    some = dice.randint(1, 9)
    ways: dict[str, Callable[[], bytes]] = {
        "a bit": lambda: before + bytes((after[0] ^ 1 << dice.randrange(8),)) + after[1:],
        "a byte": lambda: before + bytes((after[0] ^ dice.randint(1, 255),)) + after[1:],
        "zeros": lambda: before + bytes(len(after[:some])) + after[some:],
        "noise": lambda: before + dice.randbytes(len(after[:some])) + after[some:],
        "a byte less": lambda: before + after[1:],
        "bytes less": lambda: before + after[some:],
        "bytes more": lambda: before + dice.randbytes(some) + after,
        "the end": lambda: cut(dice, parts),
    }
    way = dice.choice(list(ways))
    return way, ways[way]()


def cut(dice: random.Random, parts: list[bytes]) -> bytes:
    """Return a file that ends within one of its streams; padding may end anywhere."""
    last = dice.choice([number for number, part in enumerate(parts) if part.strip(b"\0")])
    return b"".join(parts[:last]) + parts[last][: dice.randrange(1, len(parts[last]))]


def outcome(path: Path, sequences: Sequences) -> str:
    """Return what became of a damaged file: `refused`, `whole`, or what is wrong."""
    scanned = scan_file(InputFile(str(path), path.name), RULES)
    try:
        records = read_fasta(path, RULES).records
    except InputError as error:
        return "refused" if str(error) == scanned.error else f"scanned otherwise: {scanned.error}"
    found = [(record.id, record.residues) for record in records]
    if found != sequences:
        return f"{len(found)} sequences instead of {len(sequences)}, or other ones"
    return "whole" if scanned.counts.sequences == len(found) else f"scanned: {scanned.error}"


def damage(folder: Path, count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield the codec of each damaged file, what was done to it, and what became of it."""
    dice = random.Random(seed)
    path = folder / "damaged.faa"
    for codec in islice(cycle(CODECS), count):
        longest = BLOCK_BYTES if dice.random() < 0.02 else 300
        parts, sequences = made(dice, codec, longest)
        path.write_bytes(b"".join(parts))
        if (found := outcome(path, sequences)) != "whole":
            yield codec, "nothing", f"the file is good, but {found}"
            continue
        way, data = damaged(dice, parts)
        path.write_bytes(data)
        yield codec, way, outcome(path, sequences)


def main() -> None:
    """Damage as many files as were asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.faults.codecs")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = list(damage(Path(folder), options.files, options.seed))
    counts = Counter((codec, end) for codec, _, end in found)
    for codec in CODECS:
        refused, whole = counts[codec, "refused"], counts[codec, "whole"]
        print(f"{codec}: {refused} refused, {whole} with all sequences as they were")
    lost = [
        f"{codec}, {way}: {end}" for codec, way, end in found if end not in ("refused", "whole")
    ]
    print(f"{len(found)} damaged files, {len(lost)} silent losses")
    sys.exit("\n".join(lost) or None)


if __name__ == "__main__":
    main()
