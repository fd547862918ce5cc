"""Residues per second of the forward pass, as a ratio to fair-esm's `extract.py`.

    python -m tests.benchmarks.forward --models 8M 35M

Every contender runs in processes of its own, on the same weights and sequences, by turns, so
that a busy moment of the machine meets all of them alike; the table shows medians.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

SEED = 0
MODELS = {
    "8M": "esm2_t6_8M_UR50D",
    "35M": "esm2_t12_35M_UR50D",
    "150M": "esm2_t30_150M_UR50D",
    "650M": "esm2_t33_650M_UR50D",
}
SEQUENCES = {"8M": 96, "35M": 48, "150M": 24, "650M": 12}
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Contender:
    """One way to compute: which forward pass, in how many processes of how many threads."""

    name: str
    forward: str
    processes: int
    threads: int


CONTENDERS = (
    Contender("fair-esm extract.py", "extract", 1, CORES),
    Contender("fair-esm, memory kept", "extract-kept", 1, CORES),
    Contender("packed fp32", "fp32", 1, CORES),
    Contender("packed fp32, a process a core", "fp32", CORES, 1),
    Contender("packed bf16, a process a core", "bf16", CORES, 1),
)


def sequences(count: int) -> list[str]:
    """Return made-up proteins of viral metagenomes' lengths, none above 1,022 residues."""
    rng = random.Random(SEED)
    lengths = (min(max(round(190 * rng.lognormvariate(0, 0.75)), 30), 1022) for _ in range(count))
    return ["".join(rng.choices("LAGVSERTIDPKQNFYMHWC", k=length)) for length in lengths]


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.forward")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["8M", "35M"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--process", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.process:
        model, forward, threads, part, parts = arguments.process
        run_process(model, forward, int(threads), int(part), int(parts))
        return
    print(f"{'model':6}{'contender':34}{'residues/s':>12}{'ratio':>8}")
    for model in arguments.models:
        residues = sum(map(len, sequences(SEQUENCES[model])))
        seconds: dict[Contender, list[float]] = {one: [] for one in CONTENDERS}
        for _ in range(arguments.rounds):
            for contender in CONTENDERS:
                seconds[contender].append(measure(model, contender))
        medians = {one: statistics.median(times) for one, times in seconds.items()}
        for contender, median in medians.items():
            ratio = medians[CONTENDERS[0]] / median
            print(f"{model:6}{contender.name:34}{residues / median:12,.0f}{ratio:8.2f}", flush=True)


def measure(model: str, contender: Contender) -> float:
    """Return the seconds from a common start to the end of the last process."""
    command = [sys.executable, "-m", "tests.benchmarks.forward", "--process", model]
    command += [contender.forward, str(contender.threads)]
    shares = [
        subprocess.Popen(
            [*command, str(part), str(contender.processes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(contender.processes)
    ]
    for share in shares:
        assert share.stdout is not None
        assert share.stdout.readline() == "ready\n", "a process ended before its start"
    started = time.perf_counter()
    for share in shares:
        assert share.stdin is not None
        share.stdin.close()
    for share in shares:
        share.wait()
    return time.perf_counter() - started


def run_process(model: str, forward: str, threads: int, part: int, parts: int) -> None:
    """Load the model, warm up, say so, and embed every `parts`-th sequence when told to."""
    os.environ["OMP_NUM_THREADS"] = str(threads)

    from tui_balancer.embedding.checkpoints import load, resolve
    from tui_balancer.embedding.registry import UntrainedModel
    from tui_balancer.workers.memory import keep_freed_memory

    if forward != "extract":
        keep_freed_memory()
    mine = sequences(SEQUENCES[model])[part::parts]
    loaded = load(resolve(UntrainedModel(MODELS[model], SEED)))
    work = (extract if forward.startswith("extract") else packed)(loaded, forward)
    work(mine[:4])
    print("ready", flush=True)
    sys.stdin.read()
    work(mine)
    # Tearing torch down takes time that is not the forward pass's.
    os._exit(0)


def extract(loaded: object, _: str) -> Callable[[list[str]], None]:
    """Return the loop of fair-esm's `scripts/extract.py --include mean`."""
    import esm
    import torch

    from tui_balancer.embedding.checkpoints import LoadedModel

    assert isinstance(loaded, LoadedModel)
    layer = loaded.shape.layers

    def run(texts: list[str]) -> None:
        dataset = esm.FastaBatchedDataset([str(n) for n in range(len(texts))], texts)
        batches = dataset.get_batch_indices(4096, extra_toks_per_seq=1)
        loader = torch.utils.data.DataLoader(
            dataset, collate_fn=loaded.alphabet.get_batch_converter(1022), batch_sampler=batches
        )
        with torch.no_grad():
            for _, strings, tokens in loader:
                states = loaded.model(tokens, repr_layers=[layer])["representations"][layer]
                for row, string in enumerate(strings):
                    states[row, 1 : len(string) + 1].mean(0).clone()

    return run


def packed(loaded: object, precision: str) -> Callable[[list[str]], None]:
    """Return the loop of a worker: the planned batches through the packed forward pass."""
    from tui_balancer.embedding.batching import plan_batches
    from tui_balancer.embedding.checkpoints import LoadedModel
    from tui_balancer.embedding.embedder import Embedder
    from tui_balancer.embedding.settings import EmbeddingSettings

    assert isinstance(loaded, LoadedModel)
    assert precision in ("fp32", "bf16")
    settings = EmbeddingSettings(precision="fp32" if precision == "fp32" else "bf16")
    embedder = Embedder(loaded, "cpu:0", settings)

    def run(texts: list[str]) -> None:
        for batch in plan_batches([len(text) for text in texts], settings.batch_tokens):
            embedder.embed([texts[index] for index in batch])

    return run


if __name__ == "__main__":
    main()
