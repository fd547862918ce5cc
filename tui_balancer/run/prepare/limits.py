"""Memory limits of a process, set by a shell or a batch system."""

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
"""Address space of torch's libraries and thread stacks, on top of used memory."""

CUDA_BYTES = 64 << 30
"""Minimum address space that CUDA reserves; more with each card."""


def limit_warnings(
    devices: Sequence[SelectedDevice], shape: ModelShape, embedding: EmbeddingSettings
) -> tuple[str, ...]:
    """Return a line for each limit that a worker of the run is likely to reach."""
    processor = all(one.kind == CPU for one in devices)
    needed = cpu_worker_bytes(shape, embedding) + (TORCH_BYTES if processor else CUDA_BYTES)
    warnings = []
    for number, option in LIMITS:
        limit, _ = resource.getrlimit(number)
        if limit != resource.RLIM_INFINITY and limit < needed:
            warnings.append(
                f"`ulimit {option}` limits each process to {memory(limit)}, and a worker may "
                f"need {memory(needed)}: workers may die of it. Raise it, or lift it with "
                f"`ulimit {option} unlimited`, and retry failed files with "
                "`resume --retry-failed`"
            )
    return tuple(warnings)
