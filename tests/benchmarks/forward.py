"""Residues per second of the forward pass, as a ratio to fair-esm's `extract.py`.

    pip install -e '.[benchmark]'
    python -m tests.benchmarks.forward --models 8M 35M
    python -m tests.benchmarks.forward --models 650M --device cuda:0

Every contender runs in processes of its own, on the same architecture and sequences, by turns,
so that a busy moment of the machine meets all of them alike; the table shows medians. A peer
that is not installed is left out. faesm needs an older transformers than the one that has
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
    GPU_CONTENDERS,
    MODELS,
    ON_A_GPU,
    ON_A_PROCESSOR,
    PROCESSOR_CONTENDERS,
    SEED,
    Contender,
    sequences,
)
from tui_balancer.embedding.families.table import MODELS as SHAPES


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.forward")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["8M", "35M"])
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda:N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faesm-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--process", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    contenders: tuple[Contender, ...]
    contenders = GPU_CONTENDERS if arguments.device != "cpu" else PROCESSOR_CONTENDERS
    if arguments.process:
        (model,), (name, part, checkpoint) = arguments.models, arguments.process
        contender = next(one for one in contenders if one.name == name)
        run_process(contender, model, arguments.device, int(part), Path(checkpoint))
        return
    pythons = dict.fromkeys(contenders, sys.executable)
    pythons |= {one: arguments.faesm_python for one in contenders if one.forward == "faesm"}
    contenders = tuple(one for one in contenders if is_there(one, pythons[one]))
    print(f"{'model':8}{'contender':34}{'residues/s':>12}{'ratio':>8}")
    for model in arguments.models:
        residues = sum(map(len, texts_for(model, arguments.device)))
        seconds: dict[Contender, list[float]] = {one: [] for one in contenders}
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_checkpoint(model, Path(folder))
            for _ in range(arguments.rounds):
                for one in contenders:
                    took = measure(one, model, arguments.device, pythons[one], checkpoint)
                    seconds[one].append(took)
        medians = {one: statistics.median(times) for one, times in seconds.items()}
        for contender, median in medians.items():
            ratio = medians[contenders[0]] / median
            print(f"{model:8}{contender.name:34}{residues / median:12,.0f}{ratio:8.2f}", flush=True)


def write_checkpoint(model: str, folder: Path) -> Path:
    """Write random weights once, for all processes to load."""
    from tests.support.checkpoints import make_checkpoint, make_esm1_checkpoint

    shape = SHAPES[MODELS[model]]
    path = folder / f"{MODELS[model]}.pt"
    make = make_checkpoint if shape.family == "esm2" else make_esm1_checkpoint
    return make(path, layers=shape.layers, width=shape.width, heads=shape.heads, seed=SEED)


def is_there(contender: Contender, python: str) -> bool:
    """Whether a contender can run; say so if not."""
    module = {"transformers": "transformers.models.esm", "faesm": "faesm.esm"}
    if contender.forward not in module:
        return True
    found = subprocess.run(
        [python, "-c", f"import {module[contender.forward]}"], capture_output=True, check=False
    )
    if found.returncode != 0:
        print(f"{contender.name} is not installed: left out")
    return found.returncode == 0


def texts_for(model: str, device: str) -> list[str]:
    """Return the sequences of one measurement."""
    return sequences((ON_A_PROCESSOR if device == "cpu" else ON_A_GPU)[model])


def measure(contender: Contender, model: str, device: str, python: str, checkpoint: Path) -> float:
    """Return the seconds from a common start to the end of the last process."""
    command = [python, "-m", "tests.benchmarks.forward", "--models", model, "--device", device]
    shares = [
        subprocess.Popen(
            [*command, "--process", contender.name, str(part), str(checkpoint)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(contender.processes)
    ]
    for share in shares:
        assert share.stdout is not None
        while (line := share.stdout.readline()) != "ready\n":
            assert line, "a process ended before its start"
    started = time.perf_counter()
    for share in shares:
        assert share.stdin is not None
        share.stdin.close()
    for share in shares:
        share.wait()
    return time.perf_counter() - started


def run_process(contender: Contender, model: str, device: str, part: int, checkpoint: Path) -> None:
    """Load the model, warm up, say so, and embed one share of the sequences when told to."""
    os.environ["OMP_NUM_THREADS"] = str(contender.threads)

    from tui_balancer.workers.process.memory import keep_freed_memory

    if contender.forward == "packed":
        keep_freed_memory()
    from tests.benchmarks.forward_passes import work_of
    from tui_balancer.embedding.fairesm.loading import LoadedModel
    from tui_balancer.embedding.families.code import load, resolve
    from tui_balancer.embedding.families.requests import CheckpointModel

    # Shared out by length, as a balanced run would.
    mine = sorted(texts_for(model, device), key=len)[part :: contender.processes]
    loaded = load(resolve(CheckpointModel(checkpoint)))
    assert isinstance(loaded, LoadedModel), "the models are fair-esm's"
    work = work_of(contender, loaded, device)
    work(mine[:4])
    print("ready", flush=True)
    sys.stdin.read()
    work(mine)
    # Tearing torch down takes time that is not the forward pass's.
    os._exit(0)


if __name__ == "__main__":
    main()
