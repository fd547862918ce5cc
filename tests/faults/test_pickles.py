"""Pickles that run a program, wherever a file of torch's or numpy's is read: none is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.checkpoints import make_checkpoint, make_hugging_face_folder
from tests.support.commands import tui_balancer_here
from tests.support.finished_run import finish_run
from tui_balancer.embedding.fairesm.regression import read_regression, regression_path
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.errors import UserError
from tui_balancer.export.export import export, verify
from tui_balancer.outputs.formats import FORMATS, reader


class Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._mark),)


@pytest.fixture
def bomb(tmp_path: Path) -> Bomb:
    return Bomb(tmp_path / "exploded")


@pytest.fixture(autouse=True)
def nothing_explodes(bomb: Bomb, tmp_path: Path) -> object:
    yield
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint(bomb: Bomb, tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save({"cfg": bomb, "model": {}}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"model\.pt"):
        resolve(CheckpointModel(path))
    ran = tui_balancer_here("plan", tmp_path, "--model", path)
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr


def test_a_regression_next_to_a_checkpoint(bomb: Bomb, tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.pt"
    torch.save({"model": bomb}, regression_path(checkpoint))
    with pytest.raises(UserError):
        read_regression(checkpoint)


def test_hugging_face_s_weights(bomb: Bomb, tmp_path: Path) -> None:
    folder = make_hugging_face_folder(
        tmp_path / "hf", make_checkpoint(tmp_path / "model.pt"), ".bin"
    )
    (weights,) = folder.glob("*.bin")
    torch.save({"esm.weights": bomb}, weights)
    with pytest.raises(UserError):
        resolve(CheckpointModel(folder))


def planted(bomb: Bomb, path: Path) -> None:
    """Write a bomb in the place of an output."""
    if path.suffix == ".npz":
        np.savez(path, embeddings=np.array([bomb], object), ids=np.array([bomb], object))
    elif path.is_dir():
        planted(bomb, next(path.rglob("*.pt")))
    else:
        torch.save({"proteins": bomb, "data": bomb}, path)


@pytest.mark.parametrize("name", ["virnucpro", "esm", "npz"])
def test_an_output(bomb: Bomb, tmp_path: Path, name: str) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    (inputs / "a.faa").write_text(">p\nMKVLAAGIVG\n")
    folder = finish_run(inputs, tmp_path / "out", (name,))
    (output,) = (one for one in folder.glob("a_ESM*") if one.suffix != ".tsv")
    planted(bomb, output)
    with pytest.raises(UserError):
        list(reader(FORMATS[name]).read(output).vectors())
    assert len(verify(folder).problems) == 1
    report = export(folder, ("h5",), tmp_path / "exported")
    assert len(report.problems) == 1
