"""What only a machine with a C compiler can test: the program computes without one, but slower."""

from __future__ import annotations

import shutil

import pytest

from tui_balancer.process.compiled import COMPILERS


def require_compiler() -> None:
    """Skip the test where there is none."""
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip(f"no C compiler here: none of {', '.join(COMPILERS)}")
