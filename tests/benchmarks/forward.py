"""Residues per second of the forward pass, as a ratio to fair-esm's `extract.py`.

    pip install -e '.[benchmark]'
    python -m tests.benchmarks.forward --models 8M 35M

Every contender runs in processes of its own, on the same architecture and sequences, by turns,
so that a busy moment of the machine meets all of them alike; the table shows medians. A peer
that is not installed is left out. faesm needs an older transformers than the one that has
attention by `scaled_dot_product_attention`: it runs in an environment of its own, made with
`pip install -e '.[benchmark-faesm]'` and named by `--faesm-python`.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import EsmConfig

    from tui_balancer.embedding.checkpoints import LoadedModel

SEED = 0
MODELS = {
    "8M": "esm2_t6_8M_UR50D",
    "35M": "esm2_t12_35M_UR50D",
    "150M": "esm2_t30_150M_UR50D",
    "650M": "esm2_t33_650M_UR50D",
}
SEQUENCES = {"8M": 192, "35M": 64, "150M": 32, "650M": 12}
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
    Contender("HF transformers, sdpa", "transformers", 1, CORES),
    Contender("faesm, sdpa", "faesm", 1, CORES),
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
    parser.add_argument("--faesm-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--process", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.process:
        model, forward, threads, part, parts = arguments.process
        run_process(model, forward, int(threads), int(part), int(parts))
        return
    pythons = dict.fromkeys(CONTENDERS, sys.executable)
    pythons |= {one: arguments.faesm_python for one in CONTENDERS if one.forward == "faesm"}
    contenders = [one for one in CONTENDERS if is_there(one, pythons[one])]
    print(f"{'model':6}{'contender':34}{'residues/s':>12}{'ratio':>8}")
    for model in arguments.models:
        residues = sum(map(len, sequences(SEQUENCES[model])))
        seconds: dict[Contender, list[float]] = {one: [] for one in contenders}
        for _ in range(arguments.rounds):
            for contender in contenders:
                seconds[contender].append(measure(model, contender, pythons[contender]))
        medians = {one: statistics.median(times) for one, times in seconds.items()}
        for contender, median in medians.items():
            ratio = medians[CONTENDERS[0]] / median
            print(f"{model:6}{contender.name:34}{residues / median:12,.0f}{ratio:8.2f}", flush=True)


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


def measure(model: str, contender: Contender, python: str) -> float:
    """Return the seconds from a common start to the end of the last process."""
    command = [python, "-m", "tests.benchmarks.forward", "--process", model]
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
        while (line := share.stdout.readline()) != "ready\n":
            assert line, "a process ended before its start"
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

    if forward in ("fp32", "bf16"):
        keep_freed_memory()
    # Shared out by length, as a balanced run would.
    mine = sorted(sequences(SEQUENCES[model]), key=len)[part::parts]
    loaded = load(resolve(UntrainedModel(MODELS[model], SEED)))
    work = (packed if forward in ("fp32", "bf16") else padded)(loaded, forward)
    work(mine[:4])
    print("ready", flush=True)
    sys.stdin.read()
    work(mine)
    # Tearing torch down takes time that is not the forward pass's.
    os._exit(0)


def padded(loaded: LoadedModel, forward: str) -> Callable[[list[str]], None]:
    """Return the loop of fair-esm's `scripts/extract.py --include mean` on a forward pass."""
    import esm
    import torch

    states_of = {"extract": fair_esm, "transformers": transformers, "faesm": faesm}[forward](loaded)

    def run(texts: list[str]) -> None:
        dataset = esm.FastaBatchedDataset([str(n) for n in range(len(texts))], texts)
        batches = dataset.get_batch_indices(4096, extra_toks_per_seq=1)
        loader = torch.utils.data.DataLoader(
            dataset, collate_fn=loaded.alphabet.get_batch_converter(1022), batch_sampler=batches
        )
        with torch.no_grad():
            for _, strings, tokens in loader:
                states = states_of(tokens)
                for row, string in enumerate(strings):
                    states[row, 1 : len(string) + 1].mean(0).clone()

    return run


def fair_esm(loaded: LoadedModel) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return fair-esm's own forward pass, up to the last layer."""
    layer = loaded.shape.layers
    return lambda tokens: loaded.model(tokens, repr_layers=[layer])["representations"][layer]


def transformers(loaded: LoadedModel) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return Hugging Face's forward pass with torch's fused attention; weights at random."""
    from transformers import EsmModel

    model = EsmModel._from_config(
        _config(loaded), attn_implementation="sdpa", add_pooling_layer=False
    ).eval()
    return lambda tokens: (
        model(
            input_ids=tokens, attention_mask=tokens != loaded.alphabet.padding_idx
        ).last_hidden_state
    )


def faesm(loaded: LoadedModel) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return faesm's forward pass without flash attention; weights at random."""
    from faesm.esm import FAEsmModel

    config = _config(loaded)
    config.use_fa = False
    model = FAEsmModel(config, add_pooling_layer=False).eval()
    return lambda tokens: (
        model(
            input_ids=tokens, attention_mask=tokens != loaded.alphabet.padding_idx
        ).last_hidden_state
    )


def _config(loaded: LoadedModel) -> EsmConfig:
    from transformers import EsmConfig

    return EsmConfig(
        vocab_size=len(loaded.alphabet),
        mask_token_id=loaded.alphabet.mask_idx,
        pad_token_id=loaded.alphabet.padding_idx,
        hidden_size=loaded.shape.width,
        num_hidden_layers=loaded.shape.layers,
        num_attention_heads=loaded.model.attention_heads,
        intermediate_size=4 * loaded.shape.width,
        position_embedding_type="rotary",
        token_dropout=True,
    )


def packed(loaded: LoadedModel, precision: str) -> Callable[[list[str]], None]:
    """Return the loop of a worker: the planned batches through the packed forward pass."""
    from tui_balancer.embedding.batching import plan_batches
    from tui_balancer.embedding.embedder import Embedder
    from tui_balancer.embedding.settings import EmbeddingSettings

    assert precision in ("fp32", "bf16")
    settings = EmbeddingSettings(precision="fp32" if precision == "fp32" else "bf16")
    embedder = Embedder(loaded, "cpu:0", settings)

    def run(texts: list[str]) -> None:
        for batch in plan_batches([len(text) for text in texts], settings.batch_tokens):
            embedder.embed([texts[index] for index in batch])

    return run


if __name__ == "__main__":
    main()
