"""Many files arrive slowly in a watched folder: `python -m tests.faults.arrivals --files 1000`.

Some are written in pieces with pauses, some are renamed into place, some come in new subfolders.
Afterwards the ledger and the outputs must have each of them once, whole.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import run_command
from tui_balancer.export.export import verify
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.sealing import sha256_of

WRITERS = 8
"""Files that are written at the same time."""


def in_pieces(source: Path, target: Path, rng: random.Random, pause: threading.Event) -> None:
    """Write a file in pieces, with pauses longer than a complete file has."""
    content = source.read_bytes()
    cuts = sorted(rng.randrange(len(content)) for _ in range(3))
    with target.open("wb") as file:
        for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            file.write(content[begin:end])
            file.flush()
            pause.wait(rng.uniform(0.1, 1.5))


def renamed(source: Path, target: Path, _rng: random.Random, pause: threading.Event) -> None:
    """Write a file under a hidden name, and rename it into place."""
    hidden = target.with_name(f".{target.name}.part")
    shutil.copy(source, hidden)
    pause.wait(0.05)
    hidden.rename(target)


def copied(source: Path, target: Path, _rng: random.Random, _pause: threading.Event) -> None:
    """Write a file at once."""
    shutil.copy(source, target)


def arrivals(sources: list[Path], folder: Path, seed: int) -> Iterator[partial[None]]:
    """Yield the arrival of each file."""
    rng, pause = random.Random(seed), threading.Event()
    for number, source in enumerate(sources):
        place = folder if number % 5 else folder / f"plate{number // 100}"
        place.mkdir(exist_ok=True)
        way = rng.choice((in_pieces, renamed, copied))
        yield partial(way, source, place / source.name, random.Random(rng.random()), pause)


def findings(folder: Path, sources: list[Path]) -> list[str]:
    """Return what is wrong with the run."""
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        rows = [row for row in ledger.files() if not row.file.is_shard]
        done = Counter[str]()
        for payload in ledger.payloads("done"):
            done.update(map(str, payload["files"] or (payload["unit_id"],)))
    wrong = []
    known = Counter(Path(row.file.source).name for row in rows)
    if known != Counter(path.name for path in sources):
        wrong.append(f"{len(sources)} files, {known.total()} in the ledger")
    whole = {path.name: sha256_of(path) for path in sources}
    for row in rows:
        name = Path(row.file.source).name
        if row.state is not FileState.DONE or row.missing:
            wrong.append(f"{name} is {row.state.value}: {row.reason}")
        if row.file.sha256 != whole.get(name):
            wrong.append(f"{name} was not whole")
        if done[str(row.file.file_id)] != 1:
            wrong.append(f"{name} was done {done[str(row.file.file_id)]} times")
    return wrong + list(verify(folder).problems)


def main() -> int:
    """Let the files arrive, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        model = make_checkpoint(place / "tiny.pt")
        sources = list(
            write_synthetic(
                place / "from", files=options.files, sequences=3 * options.files, seed=options.seed
            )
        )
        (place / "in").mkdir()
        began = time.monotonic()
        watch = ("--watch", "--settle", "1", "--idle-exit", "10")
        command = run_command(place / "in", output=place / "out")
        command[command.index("--model") + 1] = str(model)
        run = subprocess.Popen([*command, *watch], stdout=subprocess.DEVNULL)
        try:
            with ThreadPoolExecutor(WRITERS) as writers:
                tasks = arrivals(sources, place / "in", options.seed)
                deque(writers.map(lambda task: task(), tasks), maxlen=0)
            arrived = time.monotonic() - began
            code = run.wait()
        finally:
            run.kill()
            run.wait()
        wrong = findings(place / "out", sources)
        print(f"{len(sources)} files arrived in {arrived:.0f} s, exit code {code}")
        print("\n".join(wrong) or "each was embedded once, whole")
        return bool(wrong or code)


if __name__ == "__main__":
    sys.exit(main())
