"""Freed memory is kept where the same is needed again, and returned where it is not."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from tui_balancer.process.heap import keep_freed_memory

def faults_of_a_block():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(64 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
print(faults_of_a_block(), faults_of_a_block())
"""


def test_a_block_that_was_freed_is_had_again_without_page_faults() -> None:
    assert platform.libc_ver()[0] == "glibc", "the C library that this is about"
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    first, second = map(int, done.stdout.split())

    assert first > 100
    assert second < first / 10


RESIDENT = """
import sys
from pathlib import Path
from tui_balancer.process.heap import return_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

if sys.argv[1] == "returned":
    return_large_blocks()
before = resident()
# The first one teaches glibc to take such blocks from its heap; then something lies above them.
bytearray(16 << 20)
blocks = [bytearray(16 << 20) for _ in range(4)]
above = bytearray(1 << 16)
del blocks
print(resident() - before)
"""


@pytest.mark.parametrize("kept", ["kept", "returned"])
def test_large_blocks_are_returned_where_that_was_asked_for(kept: str) -> None:
    assert platform.libc_ver()[0] == "glibc", "the C library that this is about"
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, kept], capture_output=True, text=True, check=True
    )
    pages = int(done.stdout)
    assert pages < 1000 if kept == "returned" else pages > 10_000
