"""Thousands of strange inputs in one run: `python -m tests.faults.fuzz --inputs 2000 --seed 1`.

Each becomes an output with exactly its sequences, or a named reason; never a traceback, never a
lost file. Equal sequences have equal vectors, whatever they came in.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.faults.fuzz_inputs import Strange, strange
from tests.support.checkpoints import make_checkpoint
from tests.support.private_user import private_user
from tests.support.sessions import finished, leftovers, session
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.workers.process.spawning import start_helper

LETTERS = "abÅ-_. ()&;'\"\\$\n\u202e"


@dataclass(frozen=True)
class Findings:
    """What became of the inputs.

    Attributes:
        done: With an output, by kind.
        failed: The others, likewise.
        reasons: Of those.
        wrong: Lines about what must not be.
    """

    done: Counter[str]
    failed: Counter[str]
    reasons: tuple[str, ...]
    wrong: tuple[str, ...]


def write_inputs(folder: Path, count: int, seed: int) -> list[Strange]:
    """Write so many strange files and return them; the same seed writes the same bytes."""
    dice = random.Random(seed)
    folder.mkdir()
    inputs = []
    for number in range(count):
        name = "".join(dice.choices(LETTERS, k=dice.randint(0, 6)))
        inputs.append(strange(dice))
        # A folder's hidden files are no inputs.
        path = folder / f"{name.lstrip('.')}_{number}.faa"
        path.write_bytes(inputs[-1].data)
    return inputs


def fuzz(folder: Path, count: int, seed: int) -> Findings:
    """Run them all, and look at what came of each."""
    inputs = write_inputs(folder / "in", count, seed)
    checkpoint = make_checkpoint(folder / "esm2_tiny.pt")
    out = folder / "out"
    run = session(
        folder / "in",
        checkpoint,
        out,
        batch_tokens=1024,
        precision="fp32",
        reading=ReadingRules(strict=True),
    )
    run.start()
    summary = finished(run)
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        rows = list(ledger.files())
    done = [row for row in rows if row.state is FileState.DONE]
    failed = [row for row in rows if row.state is FileState.FAILED]
    wrong = [f"left over: {path.name!r}" for path in leftovers(out)]
    if len(done) + len(failed) != count or (summary.done, summary.waiting) != (len(done), 0):
        wrong.append(f"{count} inputs, but {len(done)} done and {len(failed)} failed")
    for row in failed:
        made = _input_of(row, inputs)
        reason = row.reason
        if made.reason is None or not re.search(made.reason, reason) or not reason.isprintable():
            wrong.append(f"{row.file.name!r}, {made.kind}, failed with {reason!r}")
    vectors: dict[str, torch.Tensor] = {}
    for row in done:
        made = _input_of(row, inputs)
        output = torch.load(out / row.file.output, weights_only=True)
        for fault in _faults(made, output["proteins"], output["data"], vectors):
            wrong.append(f"{row.file.name!r}, {made.kind}: {fault}")
    for log in (out / "logs").iterdir():
        if "Traceback" in log.read_text():
            wrong.append(f"there is a traceback in {log.name}")
    reasons = tuple(row.reason for row in failed)
    return Findings(_kinds(done, inputs), _kinds(failed, inputs), reasons, tuple(wrong))


def _kinds(rows: Iterable[FileRow], inputs: list[Strange]) -> Counter[str]:
    return Counter(_input_of(row, inputs).kind for row in rows)


def _input_of(row: FileRow, inputs: list[Strange]) -> Strange:
    return inputs[int(row.file.name.rpartition("_")[2].removesuffix(".faa"))]


def _faults(
    made: Strange,
    ids: list[str],
    data: list[torch.Tensor],
    vectors: dict[str, torch.Tensor],
) -> Iterator[str]:
    """Yield what is wrong with an output; `vectors` are those of the sequences seen so far."""
    if made.sequences is None:
        yield "it should have failed"
        return
    right = len(ids) == len(data) == len(made.sequences) and all(
        id_ == own or re.fullmatch(re.escape(own) + r"_\d+", id_)
        for id_, (own, _) in zip(ids, made.sequences, strict=True)
    )
    if not right or len(set(ids)) != len(ids):
        yield f"{ids} instead of {[id_ for id_, _ in made.sequences]}"
        return
    for vector, (id_, residues) in zip(data, made.sequences, strict=True):
        known = vectors.setdefault(residues, vector)
        if not vector.isfinite().all() or not torch.allclose(vector, known, atol=1e-4):
            yield f"the vector of {id_!r} is another one"


@private_user()
def main() -> None:
    """Fuzz as much as was asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.faults.fuzz")
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start_helper()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(Path(folder), options.inputs, options.seed)
    for kind in sorted({*found.done, *found.failed}):
        print(f"{kind}: {found.done[kind]} done, {found.failed[kind]} failed for a reason")
    total = found.done.total(), found.failed.total(), len(found.wrong)
    print("{} inputs: {} done, {} failed for a reason, {} wrong".format(options.inputs, *total))
    sys.exit("\n".join(found.wrong) or None)


if __name__ == "__main__":
    main()
