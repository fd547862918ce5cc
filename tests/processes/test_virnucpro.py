"""The command virnucpro, from what VirNucPro's preparation writes to what its prediction reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here as tui_balancer
from tests.support.dnabert import SIZES, make_folder, random_bases
from tui_balancer.outputs.virnucpro import read

CPU = ("--devices", "cpu", "--cpu-workers", "1", "--cpu-threads", "1", "--headless")
PROTEIN = "MKVLAAGIVGLNWQHERTYF"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Narrow models, of nucleotides and of proteins."""
    folder = tmp_path_factory.mktemp("models")
    return make_folder(folder / "bases"), make_checkpoint(folder / "proteins.pt", width=40)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Two pairs of files, as the preparation numbers them, in folders with odd names."""
    prefix = tmp_path / "my [viral] contigs"
    for ending in ("_nucleotide", "_protein"):
        folder = Path(f"{prefix}{ending}")
        folder.mkdir()
        for number in (1, 2):
            ids = range(3) if ending == "_nucleotide" or number == 1 else range(2, -1, -1)
            text = "".join(f">seq{one}_{number}\n{letters(ending, one)}\n" for one in ids)
            (folder / f"output_{number}.fa").write_text(text)
    return prefix


def letters(ending: str, number: int) -> str:
    """Return a sequence of one half."""
    return f"{PROTEIN[number:]}{PROTEIN}" if ending == "_protein" else random_bases(90, number)


def virnucpro(
    prefix: Path, models: tuple[Path, Path], *words: str
) -> subprocess.CompletedProcess[str]:
    bases, proteins = models
    return tui_balancer(
        *("virnucpro", prefix, "--nucleotide-model", bases, "--protein-model", proteins),
        *(*CPU, *words),
    )


def test_features_have_both_halves_of_each_sequence_in_the_order_of_the_nucleotides(
    prefix: Path, models: tuple[Path, Path]
) -> None:
    result = virnucpro(prefix, models)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"2 files of features in {prefix}_merged" in result.stdout
    run = Path(f"{prefix}_embeddings")
    for number in (1, 2):
        # As VirNucPro's `PredictDataBatchDataset` takes it, which stacks what several files hold.
        path = Path(f"{prefix}_merged") / f"output_{number}_merged.pt"
        features = torch.load(path, weights_only=True)
        assert features["ids"] == [f"seq{one}_{number}" for one in range(3)]
        assert features["data"].shape == (3, SIZES.width + 40)
        for ending, columns, mark in (
            ("_nucleotide", slice(SIZES.width), "DNABERT_S"),
            ("_protein", slice(SIZES.width, None), "ESM"),
        ):
            half = read(run / f"{prefix.name}{ending}" / f"output_{number}_{mark}.pt")
            rows = dict(zip(half.ids, half.vectors(), strict=True))
            expected = torch.stack([torch.from_numpy(rows[one]) for one in features["ids"]])
            assert torch.equal(features["data"][:, columns], expected)

    before = path.stat().st_mtime_ns
    assert virnucpro(prefix, models).returncode == 0
    assert path.stat().st_mtime_ns == before


def test_what_is_missing_or_anothers_is_told_before_any_work(
    prefix: Path, models: tuple[Path, Path]
) -> None:
    theirs = Path(f"{prefix}_merged") / "output_2_merged.pt"
    theirs.parent.mkdir()
    torch.save({"ids": [], "data": torch.zeros(0, 3328)}, theirs)
    refused = virnucpro(prefix, models)
    assert refused.returncode == 2
    assert "1 file of another program would be replaced" in refused.stderr
    assert not Path(f"{prefix}_embeddings").exists()

    (Path(f"{prefix}_protein") / "output_2.fa").unlink()
    refused = virnucpro(prefix, models, "--overwrite")
    assert refused.returncode == 2
    assert "1 file of" in refused.stderr
    assert "has no partner: output_2.fa" in refused.stderr


def test_a_sequence_that_one_half_lacks_is_left_out_and_named(
    prefix: Path, models: tuple[Path, Path]
) -> None:
    with (Path(f"{prefix}_protein") / "output_1.fa").open("a") as file:
        file.write(f">only_here\n{PROTEIN}\n")
    result = virnucpro(prefix, models)
    assert result.returncode == 1
    assert "output_1_merged.pt: 1 sequence left out, which one half lacks: only_here" in (
        result.stdout
    )
    features = torch.load(Path(f"{prefix}_merged") / "output_1_merged.pt", weights_only=True)
    assert len(features["ids"]) == len(features["data"]) == 3
