"""What the faults are inflicted on: a few files, a small model, and a quiet run to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.quiet_run import checkpoint, preloaded, quiet
from tui_balancer.engines import local
from tui_balancer.inputs.synthetic import write_synthetic

__all__ = ["checkpoint", "preloaded", "quiet"]


@pytest.fixture(scope="session")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four FASTA files of many batches."""
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=4, sequences=120, seed=3)
    return folder


@pytest.fixture(autouse=True)
def _no_app_is_about_to_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the ends of workers reported at once: where they are killed, they are killed alone."""
    monkeypatch.setattr(local, "SETTLING_SECONDS", 0.0)
