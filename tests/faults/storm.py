"""Kills without number: `python -m tests.faults.storm --rounds 30 --seed 1`.

Every round is one run over uneven files with a tiny model, on three CPU workers that steal from
each other all the time. Workers are killed while they load, wait, compute, are held, or are
between their output and their report, and in the middle of steals and moves; the whole app is
killed too, also while it starts and while it ends, and the run taken up again until it is done.
The seed decides who is killed, and when. With `--steered` a person drains and starts devices, moves
and skips files, changes the policy, pauses and undoes at random meanwhile, and a third of the files
is added by `tui-balancer control OUT add`, also while the app is killed. Then every output must be
byte-equal to that of an undisturbed run on one worker, every file must have been finished exactly
once, and no process and no other file may be left.

Prints a line a round and the counts; exit code 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.storm_findings import Findings, told
from tests.faults.storm_round import Round, Size, Stage
from tests.support.private_user import private_user

SPAWNED_EVERY = 13
"""Every so many rounds workers are spawned as ever; in the others they are forked from a process
that has imported torch, which takes a worker far longer than all that the storm is about."""


def storm(rounds: int, seed: int, folder: Path, size: Size) -> Findings:
    """Go through so many rounds and print a line for each."""
    stage = Stage.build(folder, seed, size)
    total = Findings()
    for number in range(1, rounds + 1):
        began = time.monotonic()
        preloaded = number % SPAWNED_EVERY != 0
        rng = random.Random(f"{seed} {number}")
        one = Round(stage, f"round_{number}", rng, preloaded=preloaded)
        one.carry_out()
        total.add(one.findings)
        how = "preloaded" if preloaded else "spawned"
        print(f"round {number:3} {time.monotonic() - began:5.1f} s  {how}: {one.findings.line()}")
        for remark in one.findings.remarks:
            print(f"  {remark}")
        if one.findings.wrong.total():
            print(f"  left to be looked at: {one.folder} and {one.temporary}", flush=True)
        else:
            one.remove()
        sys.stdout.flush()
    return total


@private_user()
def main(arguments: Sequence[str] | None = None) -> int:
    """Storm as the command line says, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=30, help="runs that are stormed")
    parser.add_argument("--seed", type=int, default=1, help="decides who is killed, and when")
    parser.add_argument("--models", type=int, default=1, help="models of each run")
    parser.add_argument("--steered", action="store_true", help="a person steers the runs")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    # What is added comes when much of the rest is done.
    files, sequences = (36, 900) if options.steered else (24, 600)
    size = Size(files, sequences, models=options.models, steered=options.steered)
    total = storm(options.rounds, options.seed, folder, size)
    if not total.wrong.total():
        shutil.rmtree(folder)
    print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} s, seed {options.seed}")
    print(f"worker kills      {total.worker_kills.total():5}  {told(total.worker_kills)}")
    print(f"  in steal, move  {total.during.total():5}  {told(total.during)}")
    print(f"app kills         {total.app_kills.total():5}  {told(total.app_kills)}")
    for counter in (total.done, total.wrong):
        for name, count in counter.items():
            print(f"{name.replace('_', ' '):17} {count:5}")
    return 1 if total.wrong.total() else 0


if __name__ == "__main__":
    sys.exit(main())
