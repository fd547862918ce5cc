"""Residues per second of the forward pass, as a ratio to fair-esm's `extract.py` or transformers.

    pip install -e '.[benchmark]'
    python -m tests.benchmarks.forward --models 8M 35M
    python -m tests.benchmarks.forward --models 650M --device cuda:0
    python -m tests.benchmarks.forward --models ESM-1b ESMC-300M ProtT5-XL DNABERT-S

Every contender runs in processes of its own, on the same architecture and sequences, by turns,
so that a busy moment of the machine meets all of them alike; the table shows medians, and which
share of the ceiling they are: of the rate at which the machine computes as many FLOPs in the
model's largest matrix product, in the same number format. DNABERT-S reads bases, not residues. A
peer that is not installed is left out. faesm needs an older transformers than the one that has
attention by `scaled_dot_product_attention`: it runs in an environment of its own, made with
`pip install -e '.[benchmark-faesm]'` and named by `--faesm-python`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.forward_contenders import (
    MODELS,
    SEED,
    Contender,
    contenders_for,
    sequences_for,
    share,
)
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.workers.process.detach import prepare_to_compute


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.forward")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["8M", "35M"])
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda:N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faesm-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--process", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.process:
        (model,), (name, part, scratch) = arguments.models, arguments.process
        contenders = contenders_for(source_of(model).shape.family, arguments.device)
        contender = next(one for one in contenders if one.name == name)
        run_process(contender, model, arguments.device, int(part), Path(scratch))
        return
    print(f"{'model':11}{'contender':36}{'residues/s':>12}{'ratio':>8}{'of ceiling':>12}")
    for model in arguments.models:
        residues = sum(map(len, sequences_for(model, arguments.device)))
        contenders = contenders_for(source_of(model).shape.family, arguments.device)
        pythons = dict.fromkeys(contenders, sys.executable)
        pythons |= {one: arguments.faesm_python for one in contenders if one.forward == "faesm"}
        contenders = tuple(one for one in contenders if is_there(one, pythons[one]))
        seconds: dict[Contender, list[float]] = {one: [] for one in contenders}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(arguments.rounds):
                for one in contenders:
                    took = measure(one, model, arguments.device, pythons[one], Path(folder))
                    seconds[one].append(took)
        medians = {one: statistics.median(times) for one, times in seconds.items()}
        ceilings = {one.precision: medians[one] for one in contenders if one.forward == "product"}
        for contender, median in medians.items():
            ratio, of_ceiling = (
                medians[contenders[0]] / median,
                ceilings[contender.precision] / median,
            )
            rate = f"{residues / median:12,.0f}{ratio:8.2f}{of_ceiling:12.0%}"
            print(f"{model:11}{contender.name:36}{rate}", flush=True)


def source_of(model: str) -> ModelSource:
    """Return a model with random weights, which its processes make once and share."""
    return UntrainedModel(MODELS[model], SEED).source()


def is_there(contender: Contender, python: str) -> bool:
    """Whether a contender can run; say so if not."""
    module = {"faesm": "faesm.esm"}
    module |= dict.fromkeys(("transformers", "compiled"), "transformers.models.esm")
    if contender.forward not in module:
        return True
    found = subprocess.run(
        [python, "-c", f"import {module[contender.forward]}"], capture_output=True, check=False
    )
    if found.returncode != 0:
        print(f"{contender.name} is not installed: left out")
    return found.returncode == 0


def measure(contender: Contender, model: str, device: str, python: str, scratch: Path) -> float:
    """Return the seconds from a common start to the end of the last process."""
    command = [python, "-m", "tests.benchmarks.forward", "--models", model, "--device", device]
    shares = [
        subprocess.Popen(
            [*command, "--process", contender.name, str(part), str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(contender.processes)
    ]
    for one in shares:
        assert one.stdout is not None
        while (line := one.stdout.readline()) != "ready\n":
            assert line, "a process ended before its start"
    started = time.perf_counter()
    for one in shares:
        assert one.stdin is not None
        one.stdin.close()
    for one in shares:
        one.wait()
    return time.perf_counter() - started


def run_process(contender: Contender, model: str, device: str, part: int, scratch: Path) -> None:
    """Load the model, warm up, say so, and embed one share of the sequences when told to."""
    if contender.forward == "packed":
        prepare_to_compute(contender.threads, "")
    else:
        os.environ["OMP_NUM_THREADS"] = str(contender.threads)
    from tests.benchmarks.forward_passes import work_of

    mine = share(sequences_for(model, device), part, contender.processes)
    work = work_of(contender, source_of(model), scratch, device)
    work(mine[:4])
    print("ready", flush=True)
    sys.stdin.read()
    work(mine)
    # Tearing torch down takes time that is not the forward pass's.
    os._exit(0)


if __name__ == "__main__":
    main()
