"""A whole run on a CUDA device, as its user starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tui_balancer.embedding.models import ModelSource
from tui_balancer.inputs.synthetic import write_synthetic

pytestmark = pytest.mark.cuda


def run(proteins: Path, output: Path, source: ModelSource, *options: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "tui_balancer", "run", str(proteins), "-o", str(output)),
            *("--model", str(source.checkpoint), "--devices", "cuda:0", "--headless", *options),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=110,
    )


def test_a_run_is_close_to_fair_esm_and_a_second_one_has_its_bytes(
    source: ModelSource, tmp_path: Path
) -> None:
    proteins = tmp_path / "proteins"
    written = write_synthetic(proteins, files=4, sequences=60, seed=1)
    for name, options in (("one", ()), ("two", ()), ("reference", ("--reference",))):
        run(proteins, tmp_path / name, source, *options)
    outputs = sorted(path.name for path in (tmp_path / "one").glob("*_ESM.pt"))
    assert len(outputs) == len(written)
    for name in outputs:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        ours, reference = (
            torch.load(tmp_path / one / name, weights_only=True) for one in ("one", "reference")
        )
        assert ours["proteins"] == reference["proteins"]
        assert reference["metadata"]["forward"] == "fair-esm"
        similarity = torch.cosine_similarity(
            torch.stack(ours["data"]), torch.stack(reference["data"])
        )
        assert similarity.min() > 0.999
