"""The benchmark of a CUDA card, on the processor with cut models: no card has run it here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.benchmarks.card import __main__ as command
from tests.benchmarks.card.blocks import by_turns
from tests.benchmarks.card.context import QUICK_BLOCKS, Context
from tests.benchmarks.card.models import source_of
from tests.benchmarks.card.results import Line, Results
from tests.benchmarks.card.samples import Samples
from tests.benchmarks.card.steps import QUICK, STEPS, Step
from tests.benchmarks.card.table import tables
from tests.benchmarks.forward_contenders import Contender, contenders_for
from tests.benchmarks.forward_passes import batches_of, computed_tokens

CPU = torch.device("cpu")


@pytest.fixture
def threads() -> Iterator[None]:
    """Whatever the measurements set, the next test has the threads of this one."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def written(folder: Path) -> Results:
    (path,) = folder.glob("card-*.jsonl")
    return Results(path)


def of_kind(results: Results, *kinds: str) -> list[Line]:
    return list(results.lines(*kinds))


def nothing(context: Context) -> None:
    """Measure nothing."""


def run_here(step: Step, context: Context) -> None:
    step.run(context)


@pytest.mark.usefixtures("threads")
def test_it_measures_the_processor_with_cut_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--device", "cpu", "--quick", "--only", "rates", "passes-8M"]
    command.main([*options, "--results", str(tmp_path)], run_here)
    results = written(tmp_path)
    assert of_kind(results, "failed", "skipped") == []
    assert [one["name"] for one in results.lines("step")] == ["rates", "passes-8M"]
    assert {one["what"] for one in results.lines("rate")} == {"bf16", "fp32", "bandwidth"}
    forward = of_kind(results, "forward")
    blocks = Counter(one["contender"] for one in forward)
    assert blocks == dict.fromkeys(
        ("packed bf16", "HF, sdpa, bf16, large batches", "fair-esm extract.py"), QUICK_BLOCKS
    )
    for one in forward:
        padded = one["computed_tokens"] > one["tokens"]
        assert padded == (one["contender"] != "packed bf16")
        assert one["tokens"] > one["residues"] > 0
    (kernels,) = of_kind(results, "kernels")
    assert sum(kernels["seconds"].values()) > 0
    printed = capsys.readouterr().out
    assert "no measurement of this device" in printed
    assert "| 8M | packed bf16 | " in printed
    assert results.path.with_suffix(".md").read_text() in printed


def test_a_step_is_a_process_of_its_own(tmp_path: Path) -> None:
    command.main(["--device", "cpu", "--quick", "--only", "tests", "--results", str(tmp_path)])
    (line,) = of_kind(written(tmp_path), "failed", "skipped", "test")
    assert line["kind"] == "skipped"
    assert line["reason"] == "there is no card"


def test_a_step_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The products of a card take a processor much longer.
    monkeypatch.setattr(command, "STEPS", (Step("rates", 0.2, nothing),))
    command.main(["--device", "cpu", "--only", "rates", "--results", str(tmp_path)])
    (line,) = of_kind(written(tmp_path), "failed")
    assert (line["what"], line["reason"]) == ("rates", "ended after 0.4 s")


def test_what_does_not_fit_into_the_time_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (Step("long", 1e6, nothing), Step("short", 0, nothing), Step("longer", 2e6, nothing))
    monkeypatch.setattr(command, "STEPS", steps)
    begun: list[str] = []
    command.main(["--results", str(tmp_path)], lambda step, context: begun.append(step.name))
    skipped = of_kind(written(tmp_path), "skipped")
    assert begun == ["short"]
    assert [one["what"] for one in skipped] == ["long", "longer"]
    assert "takes about 1000000 s" in skipped[0]["reason"]


def test_quick_steps_are_steps() -> None:
    assert set(QUICK) <= {one.name for one in STEPS}


def test_a_contender_that_fails_has_no_further_turn_and_the_others_have_theirs() -> None:
    turns = iter(range(10))

    def failing() -> None:
        if next(turns) == 1:
            raise torch.OutOfMemoryError("the card is full")

    failures: list[tuple[str, str]] = []
    blocks = by_turns(
        {"good": lambda: None, "failing": failing},
        3,
        1e-9,
        CPU,
        lambda name, error: failures.append((name, str(error))),
    )
    names = [(one.name, one.number) for one in blocks]
    assert names == [("good", 0), ("failing", 0), ("good", 1), ("good", 2)]
    assert failures == [("failing", "the card is full")]


@pytest.mark.parametrize(
    "contender",
    [one for one in contenders_for("esm2", "cuda:0") if one.forward != "product"],
    ids=lambda one: one.name,
)
def test_a_sample_is_padded_as_the_file_it_stands_for(contender: Contender) -> None:
    shape = source_of("3B", quick=False).shape
    samples = Samples(contender, shape, "cuda:0", quick=False)
    least = samples.least()
    texts = [text for batch in least for text in batch]
    again = batches_of(contender, shape, "cuda:0", texts)
    assert sorted(map(sorted, again)) == sorted(map(sorted, least))
    assert sum(map(len, least)) < sum(map(len, samples.batches)) / 10
    padding, flops = [], []
    for batches in (least, samples.batches):
        lengths = [len(text) for batch in batches for text in batch]
        tokens = sum(map(shape.alphabet.tokens, lengths))
        padding.append(computed_tokens(contender, shape, batches) / tokens)
        flops.append(sum(map(shape.sequence_flops, lengths)) / sum(lengths))
    assert padding[0] == pytest.approx(padding[1], abs=0.01)
    assert (padding[1] == 1) == (contender.forward == "packed")
    assert flops[0] == pytest.approx(flops[1], rel=0.02)


def test_the_table_has_medians_ratios_and_shares(tmp_path: Path) -> None:
    results = Results(tmp_path / "card.jsonl")
    for rate in (90e12, 100e12, 101e12):
        results.write("rate", what="bf16", per_second=rate)
    sizes = {"residues": 1000, "tokens": 1100, "flops": 5e12, "passes": 2}
    for contender, padded, seconds in (
        ("packed bf16", 1100, 0.2),
        ("packed bf16", 1100, 0.21),
        ("packed bf16", 1100, 0.19),
        ("HF", 1210, 0.4),
    ):
        results.write(
            "forward",
            by_compiler=False,
            model="650M",
            contender=contender,
            precision="bf16",
            seconds=seconds,
            computed_tokens=padded,
            **sizes,
        )
    for workers, rate in ((1, 1000.0), (2, 1500.0)):
        results.write(
            "workers",
            model="8M",
            workers=workers,
            shortest=30,
            longest=100,
            residues_per_second=rate,
        )
    results.failed("650M, extract", MemoryError("no room"))
    with results.path.open("a") as file:
        file.write('{"kind": "forward", "unfini')
    assert tables(results).splitlines() == [
        "| the card | rate | spread |",
        "|---|---|---|",
        "| bf16 | 100.0 TFLOP/s | 11.0% |",
        "",
        "| model |  | residues/s | of ours | tokens/s | padding | of dense rate | spread |",
        "|---|---|---|---|---|---|---|---|",
        "| 650M | packed bf16 | 10,000 | 1.00 | 11,000 | 0.0% | 50% | 10.0% of 3 |",
        "| 650M | HF | 5,000 | 0.50 | 5,500 | 10.0% | 25% | 0.0% of 1 |",
        "",
        "| model | residues | workers | residues/s | times one |",
        "|---|---|---|---|---|",
        "| 8M | 30–100 | 1 | 1,000 | 1.00 |",
        "| 8M | 30–100 | 2 | 1,500 | 1.50 |",
        "",
        "- failed: 650M, extract: MemoryError: no room",
    ]
