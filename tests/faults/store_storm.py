"""Kills while runs share a store: `python -m tests.faults.store_storm --rounds 10 --seed 1`.

Every round some commands over overlapping inputs use one store at once. Each is killed at a random
moment, with its workers, and begun again until it ends. Then the store must verify, and a last run
over all sequences must take them from it and have the vectors of a run without a store, to the
last bits that other batches may change.

Prints a line a round; exit code 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.checkpoints import make_checkpoint
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.outputs import virnucpro
from tui_balancer.store.maintenance import stats, verify
from tui_balancer.store.vector_store import VectorStore

COMMANDS = 2
KILLS = 3
LATEST_KILL_SECONDS = 8.0


def begun(inputs: Sequence[Path], output: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command as the leader of its own group."""
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "tui_balancer",
        "run",
        *inputs,
        "-o",
        output,
        "--headless",
    ]
    return subprocess.Popen(
        [*words, *options],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def storm(place: Path, inputs: Sequence[Path], options: Sequence[str], dice: random.Random) -> int:
    """Run the commands at once until all have ended; return how many were killed."""
    kills, left = 0, dict.fromkeys(range(COMMANDS), KILLS)
    running: dict[int, subprocess.Popen[bytes]] = {}
    own = {number: dice.sample(inputs, len(inputs) - 1) for number in left}
    while left:
        for number in left:
            if number not in running:
                output = place / f"out{number}"
                running[number] = begun(own[number], output, options)
        number = dice.choice(sorted(left))
        limit = dice.uniform(0.5, LATEST_KILL_SECONDS) if left[number] else None
        try:
            code = running[number].wait(limit)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running[number].pid, signal.SIGKILL)
            running[number].wait()
            kills, left[number] = kills + 1, left[number] - 1
        else:
            assert code == 0, f"command {number} ended with {code}"
            del left[number]
        del running[number]
    return kills


def numbers(folder: Path) -> npt.NDArray[np.float32]:
    """Return the vectors of all outputs of a run."""
    paths = sorted(folder.rglob("*_ESM.pt"))
    return np.stack([row for path in paths for row in virnucpro.read(path).vectors()])


def main() -> int:
    """Storm, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        checkpoint = make_checkpoint(place / "model.pt")
        inputs = write_synthetic(place / "in", files=6, sequences=600, seed=given.seed)
        model = ("--model", str(checkpoint), "--devices", "cpu", "--cpu-workers", "2")
        plain = (*model, "--cpu-threads", "1", "--batch-tokens", "1024")
        begun(inputs, place / "plain", plain).wait()
        for round_ in range(given.rounds):
            here, dice = place / f"round{round_}", random.Random(f"{given.seed} {round_}")
            options = (*plain, "--store", str(here / "store"))
            kills = storm(here, inputs, options, dice)
            begun(inputs, here / "last", options).wait()
            opened = VectorStore.open(here / "store")
            check, held = verify(opened), stats(opened)
            opened.close()
            close = np.allclose(
                numbers(place / "plain"), numbers(here / "last"), rtol=1e-4, atol=1e-5
            )
            bad += not (check.clean and close and not held.damaged)
            print(
                f"round {round_}: {kills} kills, {held.vectors} vectors, "
                f"{check.damaged} damaged, vectors {'equal' if close else 'DIFFER'}",
                flush=True,
            )
    print(f"{given.rounds} rounds, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
