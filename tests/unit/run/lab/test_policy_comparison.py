"""`simulate`: the policies side by side, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from tui_balancer.cli.commands.simulate import simulate
from tui_balancer.errors import UserError
from tui_balancer.run.lab.cases import Scenario
from tui_balancer.run.lab.policy_comparison import compare
from tui_balancer.scheduler.model import DeviceSpec, Unit
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import simulate_central_queue


def test_json_is_a_list_of_objects_with_the_promised_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert simulate(devices=3, files=30, seeds=2, json=True) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["policy"] for row in rows] == [
        *("static", "count", "time", "time+split", "central")
    ]
    for row in rows:
        assert set(row) == {
            "policy",
            "devices",
            "files",
            "scenario",
            "fluid_ratio_median",
            "fluid_ratio_p95",
            "decision_seconds_median",
        }
        assert (row["devices"], row["files"], row["scenario"]) == (3, 30, "quiet")
        assert 1 <= row["fluid_ratio_median"] <= row["fluid_ratio_p95"]


@pytest.mark.parametrize("scenario", get_args(Scenario))
def test_no_policy_beats_the_bound_and_time_beats_the_assignment_alone(scenario: Scenario) -> None:
    rows = {
        row.policy: row.fluid_ratio_median
        for row in compare(("static", "time", "central"), scenario, devices=4, files=200, seeds=3)
    }
    assert min(rows.values()) >= 1
    assert rows["time"] < rows["static"]
    assert rows["time"] < 1.1


def test_real_files_replace_made_up_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        (tmp_path / f"{number}.faa").write_text(f">a\n{'MKV' * (10 + number)}\n")
    assert simulate(str(tmp_path), devices=2, seeds=1, policy=("time",), json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["policy"], row["files"]) == ("time", 5)


def test_somebody_must_survive_the_loss_of_a_device() -> None:
    with pytest.raises(UserError, match="survives"):
        simulate(devices=1, scenario="dying")


def test_the_central_queue_does_a_lost_devices_file_again_after_its_loss() -> None:
    devices = [
        SimulatedDevice(DeviceSpec("cuda:0", "card", 1.0), Speed(((0.0, 1.0), (5.0, 0.0)))),
        SimulatedDevice(DeviceSpec("cuda:1", "card", 1.0), Speed.steady(1.0)),
    ]
    units = [Unit(0, "a", 1, 1, 10.0), Unit(1, "b", 1, 1, 1.0)]
    assert simulate_central_queue(devices, units) == 15.0
