"""Rates from a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tui_balancer.alphabets import NUCLEOTIDE, PROTEIN, Alphabet
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.workers.benchmark.measure import made_up_batch, measure, with_relative_speed
from tui_balancer.workers.benchmark.messages import BUCKETS, BenchmarkTask, LengthBucket

torch.set_num_threads(1)

WIDTH = 40


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkTask:
    path = make_checkpoint(tmp_path_factory.mktemp("models") / "tiny.pt", width=WIDTH)
    return BenchmarkTask(
        device="cpu:0",
        threads=1,
        model=resolve(CheckpointModel(path)),
        precisions=("fp32", "bf16"),
        batch_tokens=256,
        seconds=2.0,
    )


def test_rates_are_work_over_the_seconds_that_passed(task: BenchmarkTask) -> None:
    seconds = count()
    measured = list(measure(task, lambda: None, lambda: float(next(seconds))))

    cells = [(one.precision, one.bucket) for one in measured]
    assert cells == [(precision, bucket) for precision in task.precisions for bucket in BUCKETS]
    for one in measured:
        batch = made_up_batch(one.bucket, task.batch_tokens, PROTEIN)
        # Between two looks at the clock lies a second, and in it a batch, or four products.
        assert one.residues_per_second == sum(map(len, batch))
        assert one.flops_per_second == pytest.approx(
            sum(task.model.shape.sequence_flops(len(text)) for text in batch)
        )
        assert one.ceiling == 4 * 2 * task.batch_tokens * WIDTH * 4 * WIDTH


def test_no_time_is_taken_before_all_devices_are_ready(task: BenchmarkTask) -> None:
    order: list[str] = []

    def clock() -> float:
        order.append("clock")
        return float(len(order))

    next(measure(task, lambda: order.append("begin"), clock))
    assert order[0] == "begin"
    assert order.count("begin") == 1


@pytest.mark.parametrize("alphabet", [PROTEIN, replace(NUCLEOTIDE, token_letters=5)])
@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_made_up_batch_is_nearly_full_and_of_its_bucket(
    bucket: LengthBucket, alphabet: Alphabet
) -> None:
    batch = made_up_batch(bucket, 4096, alphabet)
    lengths = [len(text) for text in batch]
    assert bucket.shortest <= min(lengths) <= max(lengths) <= bucket.longest
    assert set("".join(batch)) <= set(alphabet.letters)
    assert 3000 < sum(map(alphabet.tokens, lengths)) <= 4096
    assert batch == made_up_batch(bucket, 4096, alphabet)


def test_a_changed_checkpoint_is_told_of_before_anything_begins(
    task: BenchmarkTask, tmp_path: Path
) -> None:
    def never() -> None:
        raise AssertionError("it began")

    source = resolve(CheckpointModel(make_checkpoint(tmp_path / "model.pt")))
    make_checkpoint(tmp_path / "model.pt", seed=1)
    changed = BenchmarkTask("cpu:0", 1, source, ("fp32",), 256, 1.0)
    with pytest.raises(Exception, match="not the model that the run began with"):
        next(measure(changed, never))


def test_a_processor_without_a_unit_for_a_format_is_told_by_its_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates = {"fp32": 1e11, "bf16": 1.7e10}
    monkeypatch.setattr(
        f"{measure.__module__}.product_rate", lambda device, precision, *_: rates[precision]
    )
    card, processor = DeviceInfo("cuda:0", "T4", None), DeviceInfo("cpu", "Ryzen", None)
    measured = with_relative_speed((card, processor), "bf16")
    assert [one.relative_speed for one in measured] == [None, pytest.approx(0.17)]
