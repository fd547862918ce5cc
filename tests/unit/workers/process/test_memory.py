"""How much memory a CPU worker is thought to need, and how it keeps what it has."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.workers.process.memory import cpu_worker_bytes, limit_note

MIB = 1 << 20


@pytest.mark.parametrize(
    ("model", "settings", "measured"),
    [
        ("esm2_t6_8M_UR50D", EmbeddingSettings(batch_tokens=1024), 313 * MIB),
        ("esm2_t6_8M_UR50D", EmbeddingSettings(), 433 * MIB),
        ("esm2_t12_35M_UR50D", EmbeddingSettings(batch_tokens=1024), 436 * MIB),
        ("esm2_t12_35M_UR50D", EmbeddingSettings(), 635 * MIB),
        ("esm2_t12_35M_UR50D", EmbeddingSettings(precision="bf16"), 547 * MIB),
        ("esm2_t6_8M_UR50D", EmbeddingSettings(reference=True), 1177 * MIB),
        ("esm2_t12_35M_UR50D", EmbeddingSettings(reference=True), 1514 * MIB),
    ],
)
def test_the_estimate_is_near_the_peak_measured_with_full_batches_of_long_sequences(
    model: str, settings: EmbeddingSettings, measured: int
) -> None:
    estimate = cpu_worker_bytes(MODELS[model], settings)

    assert 0.95 * measured < estimate < 1.5 * measured


@pytest.mark.parametrize(
    ("number", "limit", "note"),
    [
        (resource.RLIMIT_AS, 3 << 28, "; `ulimit -v` allows a process 0.8 GiB"),
        (resource.RLIMIT_DATA, 1 << 29, "; `ulimit -d` allows a process 0.5 GiB"),
        (resource.RLIMIT_AS, 1 << 60, ""),
        (resource.RLIMIT_NOFILE, 64, ""),
    ],
)
def test_a_limit_is_named_that_is_below_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, number: int, limit: int, note: str
) -> None:
    def limits(asked: int) -> tuple[int, int]:
        return (limit if asked == number else resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    monkeypatch.setattr(resource, "getrlimit", limits)
    assert limit_note() == note


PEAK = """
from pathlib import Path
from tui_balancer.process.heap import keep_freed_memory

keep_freed_memory()
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings

source = UntrainedModel("esm2_t6_8M_UR50D", 0).source()
load_embedder(source, "cpu:0", 1, EmbeddingSettings()).embed(["A" * 1022] * 4)
# Not ru_maxrss: that begins with what the parent had when it forked.
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def test_the_estimate_holds_for_a_process_of_now() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    peak = int(done.stdout) * 1024
    estimate = cpu_worker_bytes(MODELS["esm2_t6_8M_UR50D"], EmbeddingSettings())

    assert 0.6 * estimate < peak < 1.2 * estimate


def test_larger_batches_and_models_need_more() -> None:
    small, large = MODELS["esm2_t6_8M_UR50D"], MODELS["esm2_t33_650M_UR50D"]
    usual, double = EmbeddingSettings(), EmbeddingSettings(batch_tokens=8192)

    assert cpu_worker_bytes(small, double) > cpu_worker_bytes(small, usual) + 150 * MIB
    assert cpu_worker_bytes(large, usual) > 650_000_000 * 4


def test_a_sequence_longer_than_a_batch_counts_whole() -> None:
    shape = MODELS["esm2_t6_8M_UR50D"]
    tiny = EmbeddingSettings(batch_tokens=1)

    assert cpu_worker_bytes(shape, tiny) == cpu_worker_bytes(
        shape, EmbeddingSettings(batch_tokens=1024)
    )
