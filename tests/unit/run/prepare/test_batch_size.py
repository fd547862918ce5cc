"""The batch budget: from the model and the weakest device."""

from __future__ import annotations

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.run.prepare.batch_size import (
    CPU_BATCH_TOKENS,
    gpu_batch_tokens,
    suitable_batch_tokens,
)

MODEL = MODELS["esm2_t33_650M_UR50D"]
GPU = SelectedDevice("cuda:0", "NVIDIA H100", 80 << 30, capability=(9, 0))
CPU = SelectedDevice("cpu:0", "EPYC", 256 << 30)


def test_a_processor_among_the_devices_decides() -> None:
    assert suitable_batch_tokens([GPU], MODEL) > CPU_BATCH_TOKENS
    assert suitable_batch_tokens([GPU, CPU], MODEL) == CPU_BATCH_TOKENS


def test_a_gpu_gets_as_many_states_of_every_model() -> None:
    tokens = {name: gpu_batch_tokens(shape) for name, shape in MODELS.items()}
    assert tokens["esm2_t33_650M_UR50D"] == 16384
    assert tokens["esm2_t6_8M_UR50D"] == 65536
    assert tokens["esm2_t48_15B_UR50D"] == 4096
    assert tokens["prot_t5_xl_uniref50"] == 4096
    for name, shape in MODELS.items():
        assert 16384 * 1280 / 2 < tokens[name] * shape.activation_width <= 16384 * 1280


def test_the_card_with_the_least_memory_bounds_the_batch() -> None:
    small = SelectedDevice("cuda:1", "NVIDIA GeForce GTX 1650", 4 << 30, capability=(7, 5))
    tokens = suitable_batch_tokens([GPU, small], MODEL)
    assert tokens == suitable_batch_tokens([small], MODEL) < suitable_batch_tokens([GPU], MODEL)
    unknown = SelectedDevice("mps", "Apple M3 GPU", None)
    assert suitable_batch_tokens([unknown], MODEL) == suitable_batch_tokens([GPU], MODEL)
    assert gpu_batch_tokens(MODEL, [1 << 20]) == 2048
