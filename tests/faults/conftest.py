"""What the faults are inflicted on: a few files, a small model, and a quiet run to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.quiet_run import checkpoint, preloaded, quiet
from tui_balancer.inputs.synthetic import write_synthetic

__all__ = ["checkpoint", "preloaded", "quiet"]


@pytest.fixture(scope="session")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four FASTA files of many batches."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=4, sequences=120, seed=3)
    return folder
