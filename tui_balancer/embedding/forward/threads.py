"""Shares work out among torch's number of threads; for functions in C, which let others run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch


def share_out(total: int, work: Callable[[int, int], None]) -> None:
    """Call a function for parts of a range, and return when all are done.

    Args:
        total: Of what there is to do, numbered from 0.
        work: Takes the first number of a part and the one after its last.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        work(0, total)
    else:
        parts = pairwise(total * part // threads for part in range(threads + 1))
        list(_pool(threads).map(lambda part: work(*part), parts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "forward")
