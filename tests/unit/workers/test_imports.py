"""What is imported stays small: the app has no torch, and a worker no compiler and no algebra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint


@pytest.mark.parametrize(
    "module",
    [
        "tui_balancer.engines.local",
        "tui_balancer.workers.preflight.preflight",
        "tui_balancer.workers.process.memory",
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


def test_loading_a_model_imports_neither_torchs_compiler_nor_its_algebra(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings

model = resolve(CheckpointModel(Path({str(make_checkpoint(tmp_path / "tiny.pt"))!r})))
load_embedder(model, "cpu", 1, EmbeddingSettings()).embed(["MKVLAAGIT"])
print({{"torch._dynamo", "sympy"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
