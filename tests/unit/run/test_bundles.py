"""The bytes of bundled files do not depend on how often they are attempted, nor on what is lost."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.benches import bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.leases import Directive
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.model import Lease
from tui_balancer.workers.task.task import Abandoned, WorkerContext
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import TaskProgress, TaskResult, WorkerId

SETTINGS = EmbeddingSettings(batch_tokens=30)
WIDTH = 40


class ImpatientBoard(ListBoard):
    """Takes a task back at any batch."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        return self._dice.choice([Directive.CONTINUE, Directive.CONTINUE, Directive.ABANDON])


def told_by_company(sequences: Sequence[str]) -> torch.Tensor:
    """Stand for a device whose results depend on what else is in a batch."""
    company = "".join(sequences)
    numbers = [crc32(f"{one} {company}".encode()) for one in sequences]
    return torch.tensor(numbers, dtype=torch.float32)[:, None].repeat(1, WIDTH)


@dataclass(frozen=True)
class Workshop:
    """A worker's setup, with a model that is not asked."""

    setup: WorkerSetup
    embedder: Embedder

    def bench(self, board: ListBoard) -> WorkerContext:
        return bench_for(self.setup, board, self.embedder)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("model")
    model = resolve(CheckpointModel(make_checkpoint(folder / "tiny.pt", width=WIDTH)))
    embedder = load_embedder(model, "cpu:0", 1, SETTINGS)
    embedder.embed = told_by_company  # type: ignore[method-assign]
    return Workshop(worker_setup(model, SETTINGS), embedder)


def catalogue_of(inputs: Path, output: Path, workshop: Workshop) -> Manifest:
    scans = scan(find_inputs([inputs]), ReadingRules())
    shape = workshop.setup.model.shape
    return Manifest.build(scans, output, shape, SETTINGS.batch_tokens)


def write_inputs(folder: Path, dice: random.Random) -> None:
    folder.mkdir()
    for number in range(dice.randint(1, 14)):
        records = (
            f">p{n}\n{''.join(dice.choices('LAGVSER', k=dice.randint(1, 14)))}\n"
            for n in range(dice.choice([1, 1, 2, 3, 9]))
        )
        (folder / f"{number:02}.faa").write_text("".join(records))


def work(
    manifest: Manifest,
    files: Iterable[int],
    bench: WorkerContext,
    quiet: WorkerContext,
    first_epoch: int,
) -> dict[int, str]:
    """Make the outputs of some files, however often it takes, and return their checksums."""
    made: dict[int, str] = {}
    for unit in manifest.units(map(manifest.file_unit, files)):
        for epoch in range(first_epoch, first_epoch + 6):
            # The last attempt is let through.
            who = quiet if epoch == first_epoch + 5 else bench
            try:
                result: TaskResult = run_task(who, manifest.task(Lease(unit, "cpu:0", epoch)))
            except Abandoned:
                continue
            made.update((file.file_id, file.written[0].sha256) for file in result.files)
            break
        assert {*unit.numbers} <= made.keys()
    return made


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_outputs_made_anew_or_after_interruptions_have_the_bytes_of_a_quiet_run(
    workshop: Workshop, seed: int
) -> None:
    dice = random.Random(seed)
    quiet, disturbed = workshop.bench(ListBoard()), workshop.bench(ImpatientBoard(dice))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder / "in", dice)
        expected = catalogue_of(folder / "in", folder / "quiet", workshop)
        files = range(len(expected.files))
        checksums = work(expected, files, quiet, quiet, 1)

        manifest = catalogue_of(folder / "in", folder / "out", workshop)
        assert work(manifest, files, disturbed, quiet, 1) == checksums

        # As the ledger does with outputs that are lost: each is a unit of its own from then on.
        lost = sorted(dice.sample(files, dice.randint(1, len(files))))
        records = [
            replace(file, unit=file.file_id) if file.file_id in lost else file
            for file in manifest.files
        ]
        anew = work(Manifest.of(records, folder / "out"), lost, disturbed, quiet, 10)
        assert anew == {number: checksums[number] for number in lost}
