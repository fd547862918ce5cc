"""Made-up proteins for the demo and for measurements: uneven files, the same for a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

RESIDUE_PERCENT = {
    "A": 8.25, "R": 5.53, "N": 4.06, "D": 5.45, "C": 1.37, "Q": 3.93, "E": 6.75,
    "G": 7.07, "H": 2.27, "I": 5.96, "L": 9.66, "K": 5.84, "M": 2.42, "F": 3.86,
    "P": 4.70, "S": 6.56, "T": 5.34, "W": 1.08, "Y": 2.92, "V": 6.87,
}  # fmt: skip
"""Amino acid composition of UniProtKB/Swiss-Prot (release 2013_04, after ExPASy ProtScale's
scale "Amino acid composition (%) in the UniProtKB/Swiss-Prot data bank")."""

SHORTEST, MEDIAN, LONGEST = 30, 190, 1500
"""Residues. Proteins predicted on viral contigs are short: many are cut off by a contig's end."""

_LENGTH_SIGMA = 0.75
_FILE_SIGMA = 1.3
_LINE = 60


def write_synthetic(
    folder: Path,
    *,
    files: int,
    sequences: int,
    seed: int,
    on_file: Callable[[int], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Write FASTA files of made-up proteins into a folder and return their paths.

    Lengths are log-normal (median 190, within 30 to 1,500 residues); the numbers of sequences
    are log-normal over the files too, so that a few files hold most of the work.

    Args:
        folder: Made if missing; files of the same names are replaced.
        files: How many, at least 1.
        sequences: In all files together; every file gets at least one.
        seed: The same seed writes the same bytes.
        on_file: Called with the number of files written, after each.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    digits = len(str(files))
    paths: list[Path] = []
    for number, count in enumerate(_uneven(rng, files, sequences), start=1):
        path = folder / f"sample_{number:0{digits}}.fasta"
        path.write_text("".join(_record(rng, number, index) for index in range(1, count + 1)))
        paths.append(path)
        on_file(number)
    return tuple(paths)


def sample_lengths(count: int) -> list[int]:
    """Return lengths such as the sequences have, in residues: the same at every call."""
    rng = random.Random(0)
    return [_length(rng) for _ in range(count)]


def _uneven(rng: random.Random, files: int, sequences: int) -> list[int]:
    """Share `sequences` out over the files, at least one each."""
    cuts = list(accumulate(rng.lognormvariate(0, _FILE_SIGMA) for _ in range(files)))
    spare = max(0, sequences - files)
    edges = [0, *(round(spare * cut / cuts[-1]) for cut in cuts)]
    return [1 + after - before for before, after in pairwise(edges)]


def _length(rng: random.Random) -> int:
    length = round(MEDIAN * rng.lognormvariate(0, _LENGTH_SIGMA))
    return min(max(length, SHORTEST), LONGEST)


def _record(rng: random.Random, number: int, index: int) -> str:
    length = _length(rng)
    letters = rng.choices(list(RESIDUE_PERCENT), list(RESIDUE_PERCENT.values()), k=length - 1)
    residues = "M" + "".join(letters)
    lines = (residues[start : start + _LINE] for start in range(0, length, _LINE))
    header = f">sample_{number}|protein_{index} made-up protein, {length} residues"
    return "\n".join([header, *lines, ""])
