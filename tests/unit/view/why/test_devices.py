"""Why a device is in its state: every state, every rule that leaves one idle."""

from __future__ import annotations

from math import inf

import pytest

from tests.support.balance import Bench, bundle, units
from tests.support.explaining import Told, facts_of, told
from tui_balancer.notices import Notice
from tui_balancer.scheduler.commands import (
    DrainDevice,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ResumeAll,
    SetPolicy,
)
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import StealEvent
from tui_balancer.scheduler.model import CountSettings, DeviceSpec, TimeSettings
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.view.handle import Phase, ScanProgress
from tui_balancer.view.why.explain import explain_all, explain_name
from tui_balancer.view.why.record import WhyRecord


def idle_at_the_end(rest: float, *, policy: TimeSettings) -> Told:
    """Return a run in which cuda:1 is idle and cuda:0 has two files left of `rest` FLOPs each."""
    run = told([100.0, 40.0, rest, rest], policy=policy, stealing=True)
    bench = run.bench
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    bench.coordinator.execute(MoveUnits((2, 3), "cuda:0"))
    bench.clock.now = 10.0
    bench.progress(first, 0.1)
    bench.progress(second, 1.0)
    bench.finish(second)
    return run


def test_a_device_at_work_says_with_what_how_far_it_is_and_who_ends_last() -> None:
    run = told([40.0, 40.0, 10.0, 10.0, 30.0])
    assert run.bench.must_take("cuda:0").unit.unit_id == 0
    assert run.why("cuda:0") == "cuda:0 is busy with virus_0.faa: 0% done. 1 file waits for it."
    lease = run.bench.must_take("cuda:1")
    run.bench.clock.now = 10.0
    run.bench.progress(lease, 0.25)
    assert run.why("cuda:1") == (
        "cuda:1 is busy with virus_1.faa: 25% done, ~30s left. 2 files wait for it, and it "
        "finishes all work in ~50s."
    )
    assert run.why("cuda:0").endswith("It is the last to end, in ~1m 00s, ~10s after cuda:1.")


def test_what_it_computes_was_stolen() -> None:
    run = told([40.0, 40.0, 30.0])
    bench = run.bench
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    bench.clock.now = 10.0
    bench.progress(first, 0.1)
    bench.progress(second, 1.0)
    bench.finish(second)
    assert bench.must_take("cuda:1").unit.unit_id == 2
    (event,) = (one for one in bench.journal if isinstance(one, StealEvent))
    assert event.finish_without is not None
    assert event.finish_with is not None
    gain = f"{event.finish_without - event.finish_with:.0f} s sooner"
    stolen = (
        "virus_2.faa was stolen from cuda:0 by cuda:1 at 08:53:30, by finish times: both would "
        f"end {gain}."
    )
    assert stolen in run.why("cuda:1")
    assert run.why("virus_2.faa").endswith(stolen.replace("virus_2.faa", "It", 1))
    assert run.event(StealEvent).startswith(
        f"{stolen} virus_2.faa has run on cuda:1 since 08:53:30"
    )
    assert "It was stolen" not in run.event(StealEvent)


def test_nothing_that_waits_would_end_sooner_here() -> None:
    run = idle_at_the_end(1.0, policy=TimeSettings(5.0))
    assert run.bench.waiting("cuda:0") == [2, 3]
    assert run.why("cuda:1") == (
        "cuda:1 has been idle since 08:53:30, after virus_1.faa: no waiting file would end at "
        "least 5 s sooner here; with the best, virus_3.faa from cuda:0, both would end 2 s sooner."
    )


@pytest.mark.parametrize("left", [0.99, 0.5])
def test_what_the_last_device_has_left_is_too_little_or_cannot_be_divided(left: float) -> None:
    run = told([100.0, 10.0], policy=TimeSettings(2.0))
    bench = run.bench
    lease = bench.must_take("cuda:0")
    bench.clock.now = 10.0
    bench.progress(lease, left)
    bench.run_one("cuda:1", 1.0)
    why = run.why("cuda:1")
    assert why.startswith(
        "cuda:1 has been idle since 08:53:31, after virus_1.faa: no file waits; cuda:0 is the last "
        "to end, with virus_0.faa (~"
    )
    least = "save at least 2 s after a transfer of 0.5 s"
    assert (f"too little for another device to {least}" in why) == (left == 0.99)
    assert (f"joining it would not {least}: batches in flight" in why) == (left == 0.5)
    run.options["splitting"] = False
    assert (f"a copy of it here would not {least} (--split off)" in run.why("cuda:1")) == (
        left == 0.5
    )
    run.options["stealing"] = False
    assert run.why("cuda:1").endswith("which others may not join (--no-stealing).")


def test_queue_lengths_leave_a_device_idle() -> None:
    run = told([10.0] * 4, policy=CountSettings(minimum=3))
    for _ in range(2):
        run.bench.run_one("cuda:1", 1.0)
    assert run.bench.take("cuda:1") is None
    assert run.why("cuda:1") == (
        "cuda:1 has been idle since 08:53:22, after virus_3.faa: no queue is long enough to steal "
        "from, cuda:0 has 2 files waiting and 3 are required."
    )
    run.bench.coordinator.execute(SetPolicy(CountSettings(minimum=2, interval_seconds=4.0)))
    assert run.why("cuda:1").endswith(
        "it steals from cuda:0 at its next check, every 4 s: cuda:0 has 2 files waiting."
    )


def test_a_bundle_counts_once_in_a_queue_s_length() -> None:
    bench = Bench((1.0, 1.0), policy=CountSettings(minimum=3))
    bench.coordinator.assign([bundle(number, 5.0, 5.0) for number in (0, 2, 4, 6)])
    run = Told(bench, units(*[5.0] * 8))
    for _ in range(2):
        bench.run_one("cuda:1", 1.0)
    assert bench.take("cuda:1") is None
    assert run.why("cuda:1").endswith("cuda:0 has 2 files waiting and 3 are required.")
    assert "about to start 2 files: virus_0.faa …, the first of 4 files" in run.why("cuda:0")


def test_without_stealing_a_device_does_its_own_files() -> None:
    run = told([10.0] * 4, stealing=False)
    for _ in range(2):
        run.bench.run_one("cuda:1", 1.0)
    assert run.why("cuda:1").endswith(
        "its own files are done, and 2 files wait for other devices (--no-stealing)."
    )


def test_an_idle_device_is_about_to_do_something() -> None:
    run = told([40.0, 40.0, 30.0])
    assert run.why("cuda:0") == (
        "cuda:0 has been idle since 08:53:20: it is about to start virus_0.faa, the first of 2 "
        "files in its queue."
    )
    bench = run.bench
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    bench.clock.now = 10.0
    bench.progress(first, 0.1)
    bench.progress(second, 1.0)
    bench.finish(second)
    assert "about to steal virus_2.faa from cuda:0: " in run.why("cuda:1")
    assert run.bench.coordinator.execute(PauseDevice("cuda:0")).accepted
    assert run.why("cuda:1").endswith("it is about to take a file from cuda:0, which is paused.")


def test_no_speed_is_known_by_which_a_steal_could_be_judged() -> None:
    run = told([40.0, 30.0], weights=(1.0, 1.0, 1.0))
    assert run.bench.take("cuda:2") is None
    assert run.why("cuda:2").endswith(
        "no speed has been measured yet, so no gain of a steal can be estimated."
    )


@pytest.mark.parametrize(
    ("phase", "why"),
    [
        (Phase.DRAINING, "the run ends after the running files and starts no others"),
        (Phase.STOPPING, "the run is being stopped"),
        (Phase.FINISHED, "the run has ended"),
    ],
)
def test_a_run_that_ends_leaves_devices_idle(phase: Phase, why: str) -> None:
    run = told([10.0, 10.0])
    run.options["phase"] = phase
    assert run.why("cuda:0") == f"cuda:0 has been idle since 08:53:20: {why}."


def test_files_are_assigned_after_the_scan() -> None:
    run = Told(Bench(), (), scan=ScanProgress(30, 12), phase=Phase.SCANNING)
    assert run.why("cuda:1").endswith(
        "files are assigned once all inputs are read, 12 of 30 files so far."
    )


def test_a_starting_device_says_what_went_before() -> None:
    coordinator = WorkStealingCoordinator(
        [DeviceSpec("cuda:0", "card", 1.0)], policy=TimeSettings(), clock=lambda: 5.0
    )
    incarnation = coordinator.worker_starting("cuda:0")
    coordinator.assign(units(10.0, 10.0))
    record = WhyRecord()

    def why() -> str:
        return explain_name(facts_of(coordinator, units(10.0, 10.0), record, 6.0), "cuda:0").text

    loads = "cuda:0 has been starting since 08:53:25: its worker loads the model."
    waits = "2 files wait for it; other devices may steal them."
    assert why() == f"{loads} {waits}"
    coordinator.worker_died("cuda:0", incarnation, "killed by SIGKILL")
    died = "Before that: worker died: killed by SIGKILL; restart 1"
    assert why() == f"{loads} {died}. {waits}"
    coordinator.worker_starting("cuda:0")
    assert why() == f"{loads} {died}, then worker 2 is starting. {waits}"


def test_a_paused_device_says_by_whom_and_what_it_holds() -> None:
    run = told([10.0] * 4)
    lease = run.bench.must_take("cuda:0")
    run.bench.clock.now = 4.0
    run.bench.progress(lease, 0.5)
    run.bench.coordinator.execute(PauseDevice("cuda:0"))
    waits = "1 file waits for it; other devices may take it."
    paused = "cuda:0 has been paused since 08:53:24"
    holds = "It holds virus_0.faa at 50%."
    assert run.why("cuda:0") == f"{paused}: by hand. {holds} {waits} p resumes it."
    run.bench.coordinator.execute(ResumeAll())
    run.bench.coordinator.execute(PauseAll("the disk is full"))
    run.options["trouble"] = "the disk is full: 0 bytes left"
    assert run.why("cuda:0") == (
        f"{paused}: the disk is full: 0 bytes left. {holds} {waits} P resumes all devices."
    )


def test_a_dead_device_says_why_and_what_it_leaves() -> None:
    run = told([10.0] * 4, max_restarts=0)
    run.bench.must_take("cuda:0")
    run.bench.clock.now = 5.0
    run.bench.die("cuda:0", "killed by SIGKILL")
    assert run.why("cuda:0") == (
        "cuda:0 has been dead since 08:53:25: given up after 0 restarts: killed by SIGKILL. Its "
        "last unit was virus_0.faa. 1 file waits for it; other devices may take it."
    )


def test_a_drained_device_says_that_its_memory_is_free_and_how_to_start_it() -> None:
    run = told([10.0] * 4)
    for device in ("cuda:0", "cuda:1"):
        run.bench.coordinator.execute(DrainDevice(device))
        run.bench.clock.now += 1
        run.bench.die(device, "")
    assert run.why("cuda:0") == (
        "cuda:0 has been drained since 08:53:21: its worker has ended, and its memory is free. D "
        "starts it again."
    )
    assert run.why("cuda:1") == (
        "cuda:1 has been drained since 08:53:22: its worker has ended, and its memory is free. 4 "
        "files wait for it; no device is left, and the run waits until one is started. D starts it "
        "again."
    )
    assert run.why("virus_1.faa").endswith(
        "it is the next file of cuda:1, which is drained; it starts when a device is started."
    )


def test_a_stopped_device_says_what_it_did() -> None:
    run = told([10.0])
    run.bench.run_one("cuda:0", 3.0)
    run.bench.die("cuda:0", "")
    assert run.why("cuda:0") == (
        "cuda:0 has been stopped since 08:53:23: no work is left. It finished 1 file."
    )


def test_of_a_run_that_was_stopped_each_device_has_the_reason() -> None:
    run = told([10.0])
    run.bench.run_one("cuda:0", 3.0)
    run.bench.die("cuda:0", "")
    run.options |= {"phase": Phase.FINISHED, "stop_reason": "the run folder is gone"}
    assert "08:53:23: the run folder is gone. It" in run.why("cuda:0")


def test_a_copy_of_the_last_file_is_named() -> None:
    devices = [
        SimulatedDevice(DeviceSpec(f"cuda:{n}", "card", 1.0), speed)
        for n, speed in enumerate([Speed(((0.0, 4.0), (5.0, 0.1))), *[Speed.steady(4.0)] * 2])
    ]
    files = units(40.0, 20.0, 20.0)
    run = SimulatedRun(devices, Rules(TimeSettings(), True, inf, 1.0))
    run.begin(files)
    run.advance(10.0)
    facts = facts_of(run.coordinator, files, WhyRecord(), run.now, splitting=False)
    texts = [explain_name(facts, one.device).text for one in facts.snapshot.devices]
    copier = next(
        one for one in ("cuda:1", "cuda:2") if f"of which {one} computes a copy." in " ".join(texts)
    )
    file = explain_name(facts, "virus_0.faa").text
    assert f"has run on cuda:0 and {copier} since" in file
    assert f"{copier} started a copy of it from cuda:0 at" in file


def test_all_that_stands_out_is_what_does_not_simply_work_and_the_last_file() -> None:
    run = told([40.0, 40.0, 30.0], weights=(1.0, 1.0))
    lease = run.bench.must_take("cuda:0")
    run.bench.clock.now = 10.0
    run.bench.progress(lease, 0.5)
    run.bench.coordinator.warn(Notice("a warning"))
    assert [one.name for one in explain_all(run.facts)] == ["cuda:1", "virus_2.faa"]
