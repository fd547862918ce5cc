"""The program as it is; where `PRELOADED` is set, its workers need not import torch."""

from __future__ import annotations

import multiprocessing.managers  # noqa: F401 - before what it takes from there is another
import os
from contextlib import nullcontext

from tests.faults.storm_app import PRELOADED
from tests.support.preloaded import preloaded_workers
from tui_balancer.__main__ import main

if __name__ == "__main__":
    with preloaded_workers() if PRELOADED in os.environ else nullcontext():
        main()
