"""What the app process imports stays small: torch comes with the workers."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "tui_balancer.engines.local",
        "tui_balancer.workers.preflight",
        "tui_balancer.workers.memory",
        "tui_balancer.devices.selection",
        "tui_balancer.devices.monitoring",
    ],
)
def test_the_app_process_gets_no_torch(module: str) -> None:
    program = f"import sys, {module}; print(sorted({{'torch', 'esm', 'Bio'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
