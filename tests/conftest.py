"""What every test needs before its first import: one thread for torch, and a way to spawn."""

from __future__ import annotations

import os
from multiprocessing import resource_tracker

# Read when torch is first imported, here and in every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

# A captured or redirected stderr has no descriptor, and the tracker wants one to start.
resource_tracker.ensure_running()
