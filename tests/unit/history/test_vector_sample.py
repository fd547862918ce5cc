"""The sample of a run's vectors: from every format, the same whatever the order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from tests.support.finished_run import finish_run, vector_of
from tests.support.outputs import METADATA, entries_of
from tui_balancer.errors import UserError
from tui_balancer.history.history import read_history
from tui_balancer.history.vector_sample import VectorSample, sample_vectors
from tui_balancer.ledger.records import FileRow, FileState
from tui_balancer.outputs.atomic import remove
from tui_balancer.outputs.content import Content
from tui_balancer.outputs.formats import FORMATS, writer
from tui_balancer.representations import Representations

FILES = {f"{name}.faa": [f"{name}{number}" for number in range(9)] for name in "abc"}


def finished(folder: Path, *formats: str) -> tuple[Path, Sequence[FileRow]]:
    """Write the inputs and the outputs of a run; return its folder and its files."""
    (folder / "in").mkdir(parents=True)
    for name, ids in FILES.items():
        records = [f">{id} protein\nMKV{'A' * place}\n" for place, id in enumerate(ids)]
        (folder / "in" / name).write_text("".join(records))
    out = finish_run(folder / "in", folder / "out", formats)
    return out, read_history(out).files


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[FileRow]]:
    return finished(tmp_path_factory.mktemp("run"), "h5")


def drawn(sample: VectorSample) -> dict[str, list[float]]:
    return dict(zip(sample.ids, sample.vectors.tolist(), strict=True))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_same_vectors(tmp_path: Path, format: str) -> None:
    sample = sample_vectors(*finished(tmp_path, format))
    assert (sample.names, sample.counts) == (tuple(FILES), (9, 9, 9))
    assert sample.what == "mean of layer 6"
    assert sample.ids == tuple(id for ids in FILES.values() for id in ids)
    assert [sample.names[file] for file in sample.files[::9]] == list(FILES)
    for id, file, vector in zip(sample.ids, sample.files, sample.vectors, strict=True):
        assert vector.tolist() == vector_of(f"{id} protein", sample.names[file]).tolist()


def test_a_sample_is_a_part_that_does_not_depend_on_the_order(
    run: tuple[Path, Sequence[FileRow]],
) -> None:
    folder, rows = run
    sample, backwards = sample_vectors(folder, rows, 10), sample_vectors(folder, rows[::-1], 10)
    assert len(sample.ids) == 10
    assert drawn(sample) == drawn(backwards)
    assert drawn(sample).items() <= drawn(sample_vectors(folder, rows)).items()
    assert drawn(sample_vectors(folder, rows, 4)).items() <= drawn(sample).items()
    assert sample.counts == (9, 9, 9)
    # In the order of the inputs, from more than one of them.
    assert list(sample.ids) == sorted(sample.ids)
    assert len(set(sample.files)) > 1


def test_the_progress_counts_the_files(run: tuple[Path, Sequence[FileRow]]) -> None:
    told: list[tuple[int, int]] = []
    sample_vectors(*run, on_file=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_output_that_is_gone_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    folder, rows = finished(tmp_path, "npz")
    (folder / "b_ESM.npz").unlink()
    sample = sample_vectors(folder, rows)
    assert sample.names == ("a.faa", "c.faa")
    assert [line.partition(": ")[0] for line in sample.problems] == ["b.faa"]
    for name in "ac":
        remove(folder / f"{name}_ESM.npz")
    with pytest.raises(UserError, match=r"a\.faa: there is no .*a_ESM\.npz"):
        sample_vectors(folder, rows)


def test_without_a_finished_file_there_is_nothing_to_draw_from(
    run: tuple[Path, Sequence[FileRow]],
) -> None:
    folder, rows = run
    with pytest.raises(UserError, match="no file is done"):
        sample_vectors(folder, [replace(row, state=FileState.WAITING) for row in rows])


def rewritten(run: tuple[Path, Sequence[FileRow]], kept: Representations, value: float) -> None:
    """Write other representations into the places of the outputs, their numbers from a value on."""
    folder, rows = run
    entries = entries_of(["p1", "p2"])
    matrices = [
        np.arange(kept.numbers(entry.used_length), dtype=np.float32) + np.float32(value)
        for entry in entries
    ]
    metadata = METADATA | {"layers": list(kept.layers), "include": list(kept.names)}
    for row in rows:
        content = Content(entries, kept, lambda: matrices, metadata)
        writer(FORMATS["h5"]).write(folder / row.file.output, content)


@pytest.mark.parametrize(
    ("kinds", "what", "first"),
    [
        (("mean", "bos"), "mean of layer 6", 4.0),
        (("bos", "per_tok"), "bos of layer 6", 4.0),
        (("mean", "contacts"), "mean of layer 6", 4.0),
    ],
)
def test_of_several_kinds_and_layers_the_last_layer_of_the_first_kind_is_drawn(
    tmp_path: Path, kinds: tuple[str, ...], what: str, first: float
) -> None:
    run = finished(tmp_path, "h5")
    rewritten(run, Representations.named((3, 6), kinds, 4), 0.0)
    sample = sample_vectors(*run)
    assert sample.what == what
    assert sample.vectors[0].tolist() == [first, first + 1, first + 2, first + 3]


def test_a_run_without_a_vector_for_each_sequence_says_what_it_keeps(tmp_path: Path) -> None:
    run = finished(tmp_path, "h5")
    rewritten(run, Representations.named((6,), ("per_tok", "contacts"), 4), 0.0)
    with pytest.raises(UserError, match="no vector for each sequence, only per_tok, contacts"):
        sample_vectors(*run)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    run = finished(tmp_path, "h5")
    rewritten(run, Representations.mean(6, 4), float("nan"))
    with pytest.raises(UserError, match="not finite"):
        sample_vectors(*run)


def test_an_output_with_other_vectors_is_left_out(tmp_path: Path) -> None:
    folder, rows = finished(tmp_path, "h5")
    rewritten((folder, rows[1:2]), Representations.mean(5, 4), 0.0)
    sample = sample_vectors(folder, rows)
    assert sample.names == ("a.faa", "c.faa")
    assert "b.faa" in sample.problems[0]
    assert "other vectors" in sample.problems[0]
