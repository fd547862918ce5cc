"""The manual's rule under a real Snakemake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import complete
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.manual.pages import page

PIPELINES = page("pipelines")


def snakemake(folder: Path, checkpoint: Path) -> subprocess.CompletedProcess[str]:
    scripts = str(Path(sys.executable).parent)
    return complete(
        [sys.executable, "-m", "snakemake", "--cores", "2", "embeddings.json"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "TUI_BALANCER_MODEL": str(checkpoint),
            "TUI_BALANCER_DEVICES": "cpu",
        },
    )


def test_a_failed_file_fails_the_rule_and_the_next_try_goes_on(tmp_path: Path) -> None:
    found = re.search(r"<!-- snakemake-rule -->\n```python\n(.*?)```", PIPELINES, re.S)
    assert found is not None
    (tmp_path / "Snakefile").write_text(found.group(1))
    checkpoint = make_checkpoint(tmp_path / "esm2_tiny.pt")
    write_synthetic(tmp_path / "proteins", files=3, sequences=9, seed=1)
    bad = tmp_path / "proteins" / "sample_2.fasta"
    good = bad.read_bytes()
    bad.write_text("no FASTA\n")

    first = snakemake(tmp_path, checkpoint)
    assert first.returncode != 0
    assert not (tmp_path / "embeddings.json").exists()
    assert len(list((tmp_path / "embeddings").glob("*_ESM.pt"))) == 2

    bad.write_bytes(good)
    retry = [sys.executable, "-m", "tui_balancer", "resume", "embeddings", "--retry-failed"]
    assert complete(retry, cwd=tmp_path).returncode == 0
    second = snakemake(tmp_path, checkpoint)
    assert second.returncode == 0, second.stderr
    account = json.loads((tmp_path / "embeddings.json").read_text())
    assert (account["done"], account["failed"]) == (3, 0)
