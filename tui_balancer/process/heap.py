"""What the C library does with freed memory: keeps it, or returns it to the kernel."""

from __future__ import annotations

import ctypes
import platform

LARGE_BYTES = 1 << 18
"""Of a block that `return_large_blocks` keeps apart."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_MMAP_MAX = -4
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Make glibc keep freed memory instead of returning it to the kernel.

    A forward pass allocates the same large blocks for every batch. By default each is made of new
    pages, and on a CPU a third of the time is spent on their page faults. Without glibc this does
    nothing.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)


def return_large_blocks() -> None:
    """Make glibc return each large block to the kernel as soon as it is freed.

    By default it keeps those of up to 32 MiB once it has seen one: with a million files, a tenth
    of the app's memory was blocks that nothing used. Without glibc this does nothing.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back_freed_memory() -> None:
    """Return free memory to the kernel, because memory has run out."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
