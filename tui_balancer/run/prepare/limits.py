"""Limits on the memory of a process, which a shell or a batch system has set."""

from __future__ import annotations

import resource
from collections.abc import Sequence

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.formatting import memory
from tui_balancer.workers.process.memory import LIMITS, cpu_worker_bytes

TORCH_BYTES = 2 << 30
"""Addresses that torch's libraries and the stacks of its threads take, on top of memory in use."""

CUDA_BYTES = 64 << 30
"""Addresses that CUDA reserves, at least; more with each card."""


def limit_warnings(
    devices: Sequence[SelectedDevice], shape: ModelShape, embedding: EmbeddingSettings
) -> tuple[str, ...]:
    """Return a line on each limit that a worker of the run is likely to meet."""
    processor = all(one.kind == CPU for one in devices)
    needed = cpu_worker_bytes(shape, embedding) + (TORCH_BYTES if processor else CUDA_BYTES)
    warnings = []
    for number, option in LIMITS:
        limit, _ = resource.getrlimit(number)
        if limit != resource.RLIM_INFINITY and limit < needed:
            warnings.append(
                f"`ulimit {option}` limits each process to {memory(limit)}, and a worker may "
                f"need {memory(needed)}: workers may die of it. Raise it, or lift it with "
                f"`ulimit {option} unlimited`, and try failed files again with "
                "`resume --retry-failed`"
            )
    return tuple(warnings)
