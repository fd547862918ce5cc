"""How long a command has taken is not how old its process is."""

from __future__ import annotations

import subprocess
import sys


def test_a_command_is_no_older_than_its_first_import() -> None:
    program = """
import time
import numpy
before = time.monotonic()
from tui_balancer import command_age
age, after = command_age(), time.monotonic()
print(0 <= age <= after - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "True"
