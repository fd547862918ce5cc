"""Which workers of a cluster are fit, and which device each of them gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import DeviceRequest
from tui_balancer.engines.dask.node_check import Look, look_around
from tui_balancer.engines.remote.messages import NodeReport
from tui_balancer.engines.remote.nodes import Nodes
from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.workers.benchmark import measure

CPU = DeviceInfo("cpu", "EPYC", 64 << 30)
CARDS = tuple(
    DeviceInfo(f"cuda:{number}", "NVIDIA A100", 40 << 30, f"GPU-{number}", (8, 0))
    for number in range(3)
)


def report(
    worker: str,
    node: str = "node-1",
    devices: tuple[DeviceInfo, ...] = (CPU,),
    cores: int = 8,
    **versions_there: str,
) -> NodeReport:
    return NodeReport(
        address=f"tcp://{node}:{worker}",
        worker=worker,
        node=node,
        pid=1,
        versions=versions() | versions_there,
        unseen=(),
        devices=devices,
        cores=cores,
    )


def nodes(devices: str = "auto", card_workers: int = 1) -> Nodes:
    return Nodes(DeviceRequest((devices,)), None, card_workers)


def test_cores_are_shared_out_alike_on_all_nodes() -> None:
    reports = [report("0"), report("1"), report("0", "node-2", cores=6)]
    devices, warnings = nodes("cpu").settle(reports)
    assert [one.device for one in devices] == ["node-1/cpu:0", "node-1/cpu:1", "node-2/cpu:0"]
    assert {one.threads for one in devices} == {4}
    assert not warnings


def test_a_processor_keeps_the_speed_that_its_node_has_measured() -> None:
    reports = [
        report("0", devices=(replace(CPU, relative_speed=0.2),)),
        report("0", "node-2", devices=(CPU,)),
    ]
    devices, _ = nodes("cpu").settle(reports)
    assert [one.relative_speed for one in devices] == [0.2, None]


def test_workers_that_see_all_cards_share_them_out_and_a_surplus_one_is_told() -> None:
    reports = [report(str(n), devices=(*CARDS, CPU)) for n in range(4)]
    devices, warnings = nodes().settle(reports)
    assert [one.device for one in devices] == [f"node-1/cuda:{n}" for n in range(3)]
    assert warnings == ["the node node-1 (worker 3) has no free cuda device"]


def test_a_card_gets_a_second_worker_once_each_has_one() -> None:
    reports = [report(str(n), devices=(*CARDS[:2], CPU)) for n in range(5)]
    cluster = nodes(card_workers=2)
    devices, warnings = cluster.settle(reports)
    assert [one.device for one in devices] == [
        *("node-1/cuda:0/0", "node-1/cuda:1/0", "node-1/cuda:0/1", "node-1/cuda:1/1")
    ]
    assert warnings == ["the node node-1 (worker 4) has no free cuda device"]
    slots = [cluster.slot(one) for one in reports[:4]]
    places = [slot.place for slot in slots if not isinstance(slot, str)]
    assert places == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]


def test_workers_that_were_given_the_same_card_share_it() -> None:
    mine = (replace(CARDS[2], device="cuda:0"), CPU)
    devices, _ = nodes("cuda", card_workers=2).settle(
        [report("0", devices=mine), report("1", devices=mine)]
    )
    assert [one.device for one in devices] == ["node-1/cuda:0/0", "node-1/cuda:0/1"]
    assert {one.uuid for one in devices} == {"GPU-2"}


def test_only_cards_have_several_workers() -> None:
    devices, _ = nodes("cpu", card_workers=2).settle([report("0"), report("1")])
    assert [one.device for one in devices] == ["node-1/cpu:0", "node-1/cpu:1"]


def test_a_worker_that_was_given_a_card_computes_on_it() -> None:
    rotated = [(*CARDS[n:], *CARDS[:n], CPU) for n in range(3)]
    seen = [
        tuple(replace(info, device=f"cuda:{k}") for k, info in enumerate(cards[:3]))
        for cards in rotated
    ]
    cluster = nodes("cuda")
    cluster.settle([report(str(n), devices=devices) for n, devices in enumerate(seen)])
    slots = [cluster.slot(report(str(n), devices=devices)) for n, devices in enumerate(seen)]
    assert [slot.place for slot in slots if not isinstance(slot, str)] == ["cuda:0"] * 3


def test_a_worker_keeps_its_device_through_a_restart_and_leaves_it_to_another_when_forgotten() -> (
    None
):
    cluster = nodes("cpu")
    cluster.settle([report("0"), report("1")])
    again = cluster.slot(replace(report("1"), address="tcp://elsewhere:1"))
    assert not isinstance(again, str)
    assert again.device.device == "node-1/cpu:1"
    cluster.forget("node-1/cpu:0")
    other = cluster.slot(report("2"))
    assert not isinstance(other, str)
    assert other.device.device == "node-1/cpu:0"


def test_where_some_have_gpus_only_those_compute() -> None:
    devices, warnings = nodes().settle(
        [report("0", devices=(CARDS[0], CPU)), report("0", "login", devices=(CPU,))]
    )
    assert [one.device for one in devices] == ["node-1/cuda:0"]
    assert warnings == ["the node login (worker 0) has no free cuda device"]


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (
            report("0", "node-2", torch="1.0"),
            "the node node-2 (worker 0) has torch 1.0, the node node-1 (worker 0) has",
        ),
        (
            report("0", "node-2", (CPU,), 8, **{"tui-balancer": "0.0.9"}),
            "the node node-2 (worker 0) has tui-balancer 0.0.9, this machine has",
        ),
        (
            replace(report("0", "node-2"), unseen=("/data/run (No such file or directory)",)),
            "the node node-2 (worker 0) does not see what this machine sees: /data/run (No such",
        ),
    ],
)
def test_a_node_that_is_not_fit_is_refused_by_its_name(bad: NodeReport, line: str) -> None:
    with pytest.raises(UserError) as refused:
        nodes().settle([report("0"), bad])
    assert str(refused.value).startswith(line)


def test_numbers_of_devices_mean_nothing_on_a_cluster() -> None:
    with pytest.raises(UserError, match="where it is started"):
        Nodes(DeviceRequest(("cuda:0",)), None)


class _Worker:
    address = "tcp://node-1:1"
    name = "0"
    nanny = "tcp://node-1:2"


def test_a_path_on_another_disk_is_told_from_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_balancer.engines.dask.node_check.VISIBLE_SECONDS", 0.0)
    monkeypatch.setattr("tui_balancer.engines.dask.node_check._LOOK_SECONDS", 0.0)
    token = tmp_path / "token"
    token.write_text("of this run")
    model = tmp_path / "model.pt"
    model.write_bytes(b"12345")

    def unseen(content: str, *paths: tuple[Path, int]) -> tuple[str, ...]:
        look = Look(token, content, paths, processor_only=True)
        return look_around(look, _Worker()).unseen

    assert unseen("of this run", (model, 5), (tmp_path, -1)) == ()
    assert unseen("of another run") == (f"{tmp_path} (another folder of that name)",)
    gone = tmp_path / "gone"
    assert unseen("of this run", (model, 6), (gone, 1)) == (
        f"{model} (5 bytes, not 6)",
        f"{gone} (No such file or directory)",
    )


def test_a_worker_that_nobody_named_is_known_by_its_nanny(tmp_path: Path) -> None:
    look = Look(tmp_path / "token", "", (), processor_only=True)
    look.token.write_text("")
    restarted = _Worker()
    restarted.name = restarted.address = "tcp://node-1:3"
    assert look_around(look, restarted).worker == _Worker.nanny
    assert look_around(look, _Worker()).worker == "0"


def test_a_node_measures_its_processor_in_the_format_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"fp32": 1e11, "bf16": 2.5e10}
    monkeypatch.setattr(measure, "product_rate", lambda device, precision, *_: rates[precision])
    look = Look(tmp_path / "token", "", (), processor_only=True, measured="bf16")
    look.token.write_text("")
    (processor,) = look_around(look, _Worker()).devices
    assert processor.relative_speed == 0.25
    (processor,) = look_around(replace(look, measured=None), _Worker()).devices
    assert processor.relative_speed is None


def test_weights_are_those_that_are_loaded_first_where_nobody_knows_them() -> None:
    cluster = nodes("cpu")
    assert cluster.other_weights("", "a" * 64) == ""
    told = cluster.other_weights("", "b" * 64)
    assert told.startswith("it has loaded other weights (sha256 bbbbbbbbbbbb, not aaaaaaaaaaaa)")
    assert cluster.other_weights("", "a" * 64) == ""
