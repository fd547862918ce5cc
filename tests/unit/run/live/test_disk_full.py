"""A run that is held by a full disk."""

from __future__ import annotations

import threading

from tests.support.balance import Bench
from tui_balancer.run.live.disk_full import SPACE_AGAIN, DiskFullPause
from tui_balancer.scheduler.commands import PauseDevice, ResumeDevice
from tui_balancer.scheduler.events import DeviceEvent


def test_a_held_run_starts_nothing_until_it_goes_on() -> None:
    bench = Bench(costs=[5, 4])
    disk_pause = DiskFullPause(bench.coordinator)
    disk_pause.begin("no space")
    assert (disk_pause.trouble, bench.take("cuda:0")) == ("no space", None)
    assert disk_pause.end()
    assert disk_pause.trouble == ""
    assert bench.take("cuda:0") is not None
    assert not disk_pause.end()


def test_a_device_that_was_let_go_too_early_is_held_again() -> None:
    bench = Bench(costs=[5, 4])
    disk_pause = DiskFullPause(bench.coordinator)
    disk_pause.begin("no space")
    bench.coordinator.execute(ResumeDevice("cuda:0"))
    disk_pause.begin("no space")
    assert bench.coordinator.snapshot().paused


def test_it_goes_on_by_itself_only_when_there_is_room() -> None:
    bench = Bench(costs=[5, 4])
    disk_pause = DiskFullPause(bench.coordinator)
    asked: list[bool] = []

    def room(answer: bool) -> bool:
        asked.append(answer)
        return answer

    disk_pause.end_if_room(lambda: room(True))
    assert asked == []
    disk_pause.begin("no space")
    disk_pause.end_if_room(lambda: room(False))
    assert disk_pause.trouble
    disk_pause.end_if_room(lambda: room(True))
    assert not disk_pause.trouble
    resumed = bench.journal[-1]
    assert isinstance(resumed, DeviceEvent)
    assert resumed.reason == SPACE_AGAIN


def test_who_waits_to_try_again_does_so_at_the_end_of_the_hold() -> None:
    bench = Bench(costs=[5, 4])
    disk_pause = DiskFullPause(bench.coordinator)
    disk_pause.begin("no space")
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(disk_pause.wait()))
    waiter.start()
    disk_pause.end()
    waiter.join()
    assert answers == [True]


def test_nobody_waits_in_a_run_that_is_being_stopped() -> None:
    bench = Bench(costs=[5, 4])
    disk_pause = DiskFullPause(bench.coordinator)
    bench.coordinator.execute(PauseDevice("cuda:0"))
    disk_pause.begin("no space")
    disk_pause.give_up()
    assert not disk_pause.wait()
    disk_pause.begin("no space")
    assert disk_pause.trouble == ""
