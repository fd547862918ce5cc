"""Errors of a file, as opposed to errors of the worker or its device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tui_balancer.failures import FailureCause, FileError
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.outputs.space import is_disk_full
from tui_balancer.workers.process.memory import limit_note

_LONGEST_REASON = 300
_OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "could not create a primitive",
    "could not create a memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
    "MPS backend out of memory",
)
"""Messages of torch, oneDNN and cuBLAS in a plain `RuntimeError` when memory is short."""

_DEVICE_ERRORS = ("CUDA error", "MPS backend error")
"""Start of torch's messages after a device failure; the device is unusable afterwards."""


class FileFailure(FileError):
    """One file cannot be embedded; the message is the reason, in one line."""


class NoMemory(FileFailure):
    """None of a file's sequences fits into memory; names the limit that `ulimit` has set."""

    def __init__(self) -> None:
        super().__init__(
            f"not enough memory for any of its sequences, not even one at a time{limit_note()}",
            FailureCause.OUT_OF_MEMORY,
        )


class DiskFull(FileFailure):
    """There is no space for the file's output: not the file's fault, and a retry may work."""


@contextmanager
def blaming_the_file(
    activity: str, system_error: FailureCause = FailureCause.NOT_WRITTEN
) -> Iterator[None]:
    """Turn an error in the block into a `FileFailure`, so that the worker continues.

    Args:
        activity: Description of the block, for unclear errors: `cannot ACTIVITY: …`.
        system_error: The meaning of an `OSError` in it.

    Raises:
        DiskFull: There was no space to write to.
        FileFailure: Any error of this file.
        RuntimeError: The device failed, as reported by torch: a new process may work.
    """
    try:
        yield
    except FileFailure:
        raise
    except InputError as error:
        raise FileFailure(_one_line(str(error)), error.cause) from error
    except OSError as error:
        kind = DiskFull if is_disk_full(error) else FileFailure
        reason = _one_line(f"cannot {activity}: {error.strerror or error}")
        raise kind(reason, system_error) from error
    except Exception as error:
        if is_out_of_memory(error):
            reason = f"cannot {activity}: not enough memory{limit_note()}"
            raise FileFailure(reason, FailureCause.OUT_OF_MEMORY) from error
        if str(error).startswith(_DEVICE_ERRORS):
            raise
        name = type(error).__name__
        reason = _one_line(f"cannot {activity}: {name}: {error}")
        raise FileFailure(reason, FailureCause.UNEXPECTED) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on the host or a device."""
    return isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )


def _one_line(text: str) -> str:
    """Return any text as one printable line."""
    return terminal_safe(" ".join(text.split()), _LONGEST_REASON)
