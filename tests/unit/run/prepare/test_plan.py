"""What `plan` counts, and the end that it predicts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from tests.support.balance import specs, units
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.run.prepare import plan
from tui_balancer.run.prepare.duplicates import Spared
from tui_balancer.run.prepare.models import PreparedModel, model_spec
from tui_balancer.run.prepare.plan import (
    ScannedModel,
    planned_manifest,
    predicted_seconds,
)
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.speeds import CUDA_FLOPS
from tui_balancer.scheduler.model import UnitTraits
from tui_balancer.scheduler.simulation.devices import Rules
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.scheduler.simulation.simulate import simulate
from tui_balancer.settings import BalancingSettings

MODEL = PreparedModel(
    UntrainedModel("esm2_t33_650M_UR50D", 0).source(), EmbeddingSettings(), ReadingRules(), ()
)


def prepared(
    *weights: float,
    splitting: bool = False,
    further: tuple[PreparedModel, ...] = (),
) -> PreparedRun:
    pretended: Any = SimpleNamespace(
        specs=specs(*weights),
        devices=[SimpleNamespace(threads=1) for _ in weights],
        settings=SimpleNamespace(balancing=BalancingSettings(splitting=splitting)),
        models=(MODEL, *further),
    )
    return cast("PreparedRun", pretended)


def test_two_large_files_on_unequal_cards_end_when_the_later_of_them_ends() -> None:
    files = units(10 * CUDA_FLOPS, 9 * CUDA_FLOPS)
    assert predicted_seconds(prepared(2.0, 1.0), files) == pytest.approx(9.0)


def test_two_large_files_on_unequal_cards_are_divided() -> None:
    files = units(100 * CUDA_FLOPS, 90 * CUDA_FLOPS)
    divided = predicted_seconds(prepared(2.0, 1.0, splitting=True), files)
    assert 190 / 3 < divided < 190 / 3 + 2


def test_a_week_long_run_is_predicted_from_few_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Rules] = []
    real = simulate

    def spied(*args: Any) -> SimulatedRun:
        asked.append(args[2])
        return real(*args)

    monkeypatch.setattr(plan, "simulate", spied)
    files = units(*[100_000 * CUDA_FLOPS] * 12)
    assert predicted_seconds(prepared(1.0, 1.0), files) == pytest.approx(600_000)
    assert asked[0].report_seconds == pytest.approx(600)


def test_of_very_many_files_the_bound_is_the_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SIMULATED_FILES", 2)
    files = units(*[10 * CUDA_FLOPS] * 3)
    assert predicted_seconds(prepared(1.0, 1.0), files) == pytest.approx(15.0)


def test_nothing_to_do_takes_no_time() -> None:
    assert predicted_seconds(prepared(1.0), []) == 0.0


def test_what_is_there_several_times_costs_only_whoever_has_it_first(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.faa").write_text(f">1\nMKVLAAGW\n>2\nMKVLAAGW\n>3\n{name * 8}\n")
    duplicate_index = DuplicateIndex()
    scans = scan(find_inputs([tmp_path]), ReadingRules(), duplicate_index=duplicate_index)
    every, none = planned_manifest([ScannedModel(MODEL, scans, None)])
    once, spared = planned_manifest([ScannedModel(MODEL, scans, duplicate_index)])
    (first,) = {file.cost for file in every.files}
    assert (none, spared) == (Spared(), Spared(copies=5))
    assert [file.cost for file in once.files] == pytest.approx(
        [first * 2 / 3, first / 3, first / 3]
    )
    assert [file.sequences for file in once.files] == [3, 3, 3]


def test_files_of_two_models_are_planned_with_the_change_between_them() -> None:
    small, large = units(*[10 * CUDA_FLOPS] * 2)
    large = replace(large, traits=UnitTraits(model=1))
    change = model_spec(MODEL.source).load_seconds
    assert change > 1
    alone = prepared(1.0, further=(MODEL,))
    assert predicted_seconds(alone, [small, large]) == pytest.approx(20 + change)
    both = plan.plan(prepared(1.0, 1.0, further=(MODEL,)), [small, large])
    assert [one.files for one in both] == [1, 1]
