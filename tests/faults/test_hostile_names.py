"""Names and headers that are made to do harm: they are words, and stay words."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here as tui_balancer

ESCAPE = "\x1b"
IDS = ["../../../tmp/up", "/etc/passwd", f"{ESCAPE}]0;owned\x07", f"{ESCAPE}[2J", "x" * 10_000]
NAMES = [
    f"{ESCAPE}[31mred.fasta",
    "two\nlines.fasta",
    "up..fasta",
    "-rf.fasta",
    "$(reboot).fasta",
    "\u202egnp.fasta",
    "n" * 240 + ".fasta",
    b"\xff\xfe.fasta".decode(errors="surrogateescape"),
]


def test_they_neither_leave_the_run_folder_nor_reach_the_terminal_raw(tmp_path: Path) -> None:
    inputs, out = tmp_path / "inputs", tmp_path / "here" / "out"
    deep = inputs.joinpath(*["d" * 200] * 8)
    deep.mkdir(parents=True)
    text = "".join(f">{name} {ESCAPE}[1m\nMKVLAAGIT\n" for name in IDS)
    for folder in (inputs, deep):
        for name in NAMES:
            (folder / name).write_text(text)
    (inputs / f"bad{ESCAPE}[2J.fasta").write_text(f"{ESCAPE}[2J no header\n")
    out.parent.mkdir()
    before = set(tmp_path.iterdir())

    run = tui_balancer(
        *("run", inputs, "-o", out, "--model", make_checkpoint(tmp_path / "esm2_tiny.pt")),
        *("--devices", "cpu", "--cpu-workers", "1", "--cpu-threads", "1", "--headless"),
    )

    assert run.returncode == 1
    assert f"{2 * len(NAMES)} of {2 * len(NAMES) + 1} files done" in run.stdout
    outputs = list(out.rglob("*_ESM.pt"))
    assert len(outputs) == 2 * len(NAMES)
    for output in outputs:
        assert torch.load(output, weights_only=True)["proteins"] == IDS
        assert os.fsencode(output.name).decode().isprintable()
    assert set(tmp_path.iterdir()) - before == {tmp_path / "esm2_tiny.pt"}
    assert {path.name for path in out.parent.iterdir()} == {"out"}
    logs = [path.read_text() for path in (out / "logs").iterdir()]
    assert len(logs) >= 2
    for words in (run.stdout, run.stderr, *logs):
        assert all(line.isprintable() for line in words.split("\n"))
