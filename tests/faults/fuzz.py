"""Thousands of strange inputs in one run: `python -m tests.faults.fuzz --inputs 2000 --seed 1`.

Each becomes an output or a named reason; never a traceback, never a lost file.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import random
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.sessions import finished, leftovers, session
from tui_balancer.engines.local import prepare_for_spawn
from tui_balancer.inputs.unpacking import zstd
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME

SNIPPETS = (
    *(b">a\n", b">b with words\n", b">\n", b"> \n", b">a\r\n", b">a|b/../c\x1b[2J\n", b">\xff\n"),
    *(b"MKVLAAGIT\n", b"mkvl\n", b"MJBZX*\n", b"*\n", b"-.-\n", b"M K\tV\n", b"\n", b" \n", b"M"),
    *(b"MKV>b\n", b"MK1\n", b"M\0K\n", b"\xc3\xa9\n", b"\xef\xbb\xbf", b"@r\nACGT\n+\nIIII\n"),
    *(b";old\n", b"ACGT" * 300 + b"\n", b"W" * 1100 + b"\n", b"PK\x03\x04", b"\x1f\x8b", b"BZh9"),
    *(b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\r", b"\x89PNG\r\n", b"<html>\n", b"{}", b"\x00" * 9),
)
PACKINGS = (gzip.compress, bz2.compress, lzma.compress, zstd.compress)
LETTERS = "abÅ-_. ()&;'\"\\$\n\u202e"


@dataclass(frozen=True)
class Findings:
    """What became of the inputs.

    Attributes:
        done: With an output that can be loaded and is finite.
        reasons: Of the others.
        wrong: Lines about what must not be.
    """

    done: int
    reasons: tuple[str, ...]
    wrong: tuple[str, ...]


def content(dice: random.Random) -> bytes:
    """Return a file that might be FASTA, packed perhaps, damaged perhaps."""
    data = b"".join(dice.choices(SNIPPETS, k=dice.randint(0, 5)))
    if dice.random() < 0.7:
        data = b">first\nMKVLAAGIT\n" + data
    if dice.random() < 0.3:
        data = dice.choice(PACKINGS)(data)
        if dice.random() < 0.4:
            data = data[: dice.randint(0, len(data))]
        elif dice.random() < 0.3:
            place = dice.randrange(len(data))
            data = data[:place] + dice.randbytes(3) + data[place:]
    return data if dice.random() < 0.95 else dice.randbytes(dice.randint(0, 300))


def write_inputs(folder: Path, count: int, seed: int) -> None:
    """Write so many strange files; the same seed writes the same bytes."""
    dice = random.Random(seed)
    folder.mkdir()
    for number in range(count):
        name = "".join(dice.choices(LETTERS, k=dice.randint(0, 6)))
        # A folder's hidden files are no inputs.
        (folder / f"{name.lstrip('.')}{number}.faa").write_bytes(content(dice))


def fuzz(folder: Path, count: int, seed: int) -> Findings:
    """Run them all, and look at what came of each."""
    write_inputs(folder / "in", count, seed)
    checkpoint = make_checkpoint(folder / "esm2_tiny.pt")
    out = folder / "out"
    run = session(folder / "in", checkpoint, out, batch_tokens=1024)
    run.start()
    summary = finished(run)
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        rows = list(ledger.files())
    done = [row for row in rows if row.state is FileState.DONE]
    failed = [row for row in rows if row.state is FileState.FAILED]
    wrong = [f"left over: {path.name!r}" for path in leftovers(out)]
    if len(done) + len(failed) != count or (summary.done, summary.waiting) != (len(done), 0):
        wrong.append(f"{count} inputs, but {len(done)} done and {len(failed)} failed")
    wrong += [
        f"{row.file.name!r} failed with {row.reason!r}"
        for row in failed
        if not row.reason.strip() or not row.reason.isprintable()
    ]
    for row in done:
        output = torch.load(out / row.file.output, weights_only=True)
        vectors = torch.stack(output["data"])
        if len(output["proteins"]) != len(vectors) or not vectors.isfinite().all():
            wrong.append(f"{row.file.name!r} has a strange output")
    for log in (out / "logs").iterdir():
        if "Traceback" in log.read_text():
            wrong.append(f"there is a traceback in {log.name}")
    return Findings(len(done), tuple(row.reason for row in failed), tuple(wrong))


def main() -> None:
    """Fuzz as much as was asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.faults.fuzz")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    prepare_for_spawn()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(Path(folder), options.inputs, options.seed)
    kinds = len({reason.split(":", 2)[-1] for reason in found.reasons})
    print(f"{options.inputs} inputs: {found.done} done, {len(found.reasons)} failed", end=" ")
    print(f"for a reason ({kinds} kinds), {len(found.wrong)} wrong")
    sys.exit("\n".join(found.wrong) or None)


if __name__ == "__main__":
    main()
