"""`control` and `status` over a served run: which commands arrive, what is printed, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.json_tables import PRINTED, rows
from tests.manual import CONTROL_PAGE, with_fields
from tests.support.attaching import ServedRun
from tests.support.commands import tui_balancer_here
from tests.support.fake_run import FakeRun
from tests.support.pictures import FINISHED, QUEUES, RUNNING, UNITS
from tests.support.told_run import told_run
from tui_balancer.cli.commands.control import ActionName
from tui_balancer.cli.orders import ACTIONS
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    Drain,
    DrainDevice,
    MoveUnits,
    Outcome,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    SplitUnit,
    StartDevice,
    StopNow,
    Undo,
)
from tui_balancer.scheduler.model import CountSettings, Ended, TimeSettings
from tui_balancer.view.handle import RunSnapshot

FAILED = (7, 12)
NAMED = "marine_virome/contigs_0101.faa"


@pytest.fixture
def served(tmp_path: Path) -> ServedRun:
    ended: dict[int, int] = {
        one: Ended.FAILED if one in FAILED else Ended.DONE for one in range(100)
    }
    return ServedRun(tmp_path, FakeRun(RUNNING, QUEUES, UNITS, ended))


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        (("pause",), [PauseAll()]),
        (("pause", "cuda:0", "cuda:2"), [PauseDevice("cuda:0"), PauseDevice("cuda:2")]),
        (("drain", "cuda:0", "cuda:1"), [DrainDevice("cuda:0"), DrainDevice("cuda:1")]),
        (("start", "cuda:0", "cpu:2"), [StartDevice("cuda:0"), StartDevice("cpu:2")]),
        (("continue",), [ResumeAll()]),
        (("continue", "cuda:2"), [ResumeDevice("cuda:2")]),
        (("threshold", "5"), [SetPolicy(TimeSettings(5.0))]),
        (("policy", "count"), [SetPolicy(CountSettings())]),
        (
            ("policy", "count", "--threshold-ratio", "3", "--steal-interval", "9"),
            [SetPolicy(CountSettings(ratio=3.0, interval_seconds=9.0))],
        ),
        (("policy", "time"), [SetPolicy(RUNNING.policy)]),
        (("policy", "time", "--threshold", "2"), [SetPolicy(TimeSettings(2.0))]),
        (
            ("move", "contigs_0102.faa", NAMED, "--to", "cuda:1"),
            [MoveUnits((102, 101), "cuda:1")],
        ),
        (("share", "contigs_0096.faa", "--to", "cuda:3"), [SplitUnit(96, "cuda:3")]),
        (("first", "contigs_0300.faa"), [ReorderUnits((300,), first=True)]),
        (("last", "contigs_0300.faa"), [ReorderUnits((300,), first=False)]),
        (("skip", "--waiting", "contigs_030?.faa"), [SkipUnits(tuple(range(300, 306)))]),
        (
            ("first", "contigs_0300.faa", "--waiting", "marine_*/*_010[01].faa"),
            [ReorderUnits((300, 100, 101), first=True)],
        ),
        (("retry", "--failed"), [RetryUnits(FAILED)]),
        (("add", "/in/a.faa", "/in/*.fa"), [AddFiles(("/in/a.faa", "/in/*.fa"))]),
        (("add", "in/../a.faa"), [AddFiles((str(Path.cwd() / "a.faa"),))]),
        (
            ("add", "--model", "esm2=/in", "--model", "a=b=/genes"),
            [AddFiles((), (("esm2", "/in"), ("a=b", "/genes")))],
        ),
        (("undo",), [Undo()]),
        (("stop",), [Drain()]),
        (("stop", "--now"), [StopNow()]),
    ],
)
def test_an_action_becomes_the_commands_of_the_screen(
    served: ServedRun, words: tuple[str, ...], commands: list[Command]
) -> None:
    ended = tui_balancer_here("control", served.folder, *words)
    assert served.run.commands == commands
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == ["as you wish"] * len(commands)


def test_the_name_of_a_card_means_all_of_its_workers(tmp_path: Path) -> None:
    names = ("cuda:0/0", "cuda:1", "cuda:0/1")
    devices = tuple(
        replace(one, device=name) for one, name in zip(RUNNING.devices, names, strict=False)
    )
    served = ServedRun(tmp_path, FakeRun(replace(RUNNING, devices=devices)))
    ended = tui_balancer_here("control", served.folder, "drain", "cuda:0", "cuda:1", "cuda:0/1")
    assert ended.returncode == 0
    assert served.run.commands == [DrainDevice(one) for one in ("cuda:0/0", "cuda:0/1", "cuda:1")]


def test_the_run_s_refusal_is_the_line_and_the_exit_code_and_the_rest_is_done(
    served: ServedRun,
) -> None:
    served.run.outcomes = [Outcome(False, "cuda:0 is already paused"), Outcome(True, "paused")]
    ended = tui_balancer_here("control", served.folder, "pause", "cuda:0", "cuda:1")
    assert (ended.returncode, ended.stdout) == (1, "paused\n")
    assert ended.stderr == "tui-balancer: cuda:0 is already paused\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("skip", "contigs_01.faa"), "'contigs_01.faa' is not a file of this run. The nearest is"),
        (("skip", "--waiting", "*.fna"), "no waiting file matches '*.fna'"),
    ],
)
def test_files_that_the_run_does_not_know_are_refused_and_nothing_is_done(
    served: ServedRun, words: tuple[str, ...], said: str
) -> None:
    ended = tui_balancer_here("control", served.folder, *words, "--json")
    printed = json.loads(ended.stdout)
    assert (ended.returncode, printed["accepted"], served.run.commands) == (1, False, [])
    assert said in printed["answers"][0]["message"]


def test_without_failed_files_there_is_nothing_to_retry(tmp_path: Path) -> None:
    served = ServedRun(tmp_path, FakeRun(RUNNING, QUEUES, UNITS))
    ended = tui_balancer_here("control", served.folder, "retry", "--failed")
    assert (ended.returncode, ended.stderr) == (1, "tui-balancer: no file has failed\n")


def test_before_the_files_are_known_none_is_found(tmp_path: Path) -> None:
    served = ServedRun(tmp_path)
    ended = tui_balancer_here("control", served.folder, "skip", "a.faa")
    assert ended.returncode == 1
    assert "files of the run are not known yet" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dance",), "dance"),
        (("pause", "--now"), "--now does not belong to pause"),
        (("drain",), "drain needs the names of devices"),
        (("threshold",), "threshold needs a number of seconds"),
        (("threshold", "soon"), "must be a number of at least 0, not nan"),
        (("threshold", "1", "2"), "threshold does not understand '2'"),
        (("policy", "chance"), "there is no policy 'chance': choose from time, count"),
        (("policy", "time", "--threshold-ratio", "3"), "the policy time has no number ratio"),
        (("policy", "count", "--threshold-ratio", "0"), "--threshold-ratio must be a number from"),
        (("threshold", "1", "--threshold", "2"), "a number of the policy does not belong to"),
        (("move", "a.faa"), "move needs --to"),
        (("move", "--to", "cuda:1"), "move needs the names of files, --failed or --waiting GLOB"),
        (("share", "--failed", "--to", "cuda:1"), "--failed does not belong to share"),
        (("skip",), "skip needs the names of files"),
        (("undo", "twice"), "undo does not understand 'twice'"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_of_the_user_and_not_sent(
    served: ServedRun, words: tuple[str, ...], said: str
) -> None:
    ended = tui_balancer_here("control", served.folder, *words)
    assert (ended.returncode, ended.stdout, served.run.commands) == (2, "", [])
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_gain_in_seconds_is_no_number_of_the_policy_count(served: ServedRun) -> None:
    served.run.change(policy=CountSettings())
    ended = tui_balancer_here("control", served.folder, "threshold", "5")
    assert (ended.returncode, served.run.commands) == (2, [])
    assert "the policy is count" in ended.stderr


def test_numbers_that_are_not_named_stay(served: ServedRun) -> None:
    served.run.change(policy=CountSettings(ratio=4.0, minimum=7))
    tui_balancer_here("control", served.folder, "policy", "count", "--threshold-minimum", "8")
    assert served.run.commands == [SetPolicy(CountSettings(ratio=4.0, minimum=8))]


@pytest.mark.parametrize("ended_run", [False, True])
def test_without_a_live_run_nothing_is_done(tmp_path: Path, ended_run: bool) -> None:
    folder = told_run(tmp_path) if ended_run else tmp_path
    ended = tui_balancer_here("control", folder, "pause")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"no run is live in {folder}" in ended.stderr


def test_every_action_is_a_word_of_the_command_and_in_the_manual() -> None:
    assert get_args(ActionName) == tuple(ACTIONS)
    told = CONTROL_PAGE.read_text().partition("## Actions")[2]
    assert [action for action in ACTIONS if f"`{action}" not in told] == []


def test_the_state_is_printed_in_lines(served: ServedRun) -> None:
    ended = tui_balancer_here("status", served.folder)
    run, *devices = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert run.startswith("running  1,023/1,204 files  ")
    assert [line.split()[:2] for line in devices] == [
        ["cuda:0", "busy"],
        ["cuda:1", "busy"],
        ["cuda:2", "paused"],
        ["cuda:3", "idle"],
    ]
    assert "marine_virome/contigs_0096.faa 45%  42 queued" in devices[0]


def test_the_state_of_an_ended_run_is_that_of_its_ledger_and_the_exit_code_says_so(
    tmp_path: Path,
) -> None:
    folder = told_run(tmp_path)
    ended = tui_balancer_here("status", folder, "--json")
    printed = json.loads(ended.stdout)
    assert (ended.returncode, printed["phase"]) == (2, "finished")
    assert ended.stderr == f"tui-balancer: no run is live in {folder}\n"


def test_where_there_is_no_run_at_all_status_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    ended = tui_balancer_here("status", tmp_path / "nothing")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no run here" in ended.stderr


def paths(value: object, prefix: str = "") -> set[str]:
    """Return the paths of the fields of a printed object."""
    if isinstance(value, list):
        return set().union(*(paths(one, prefix) for one in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, inner in value.items():
        path = f"{prefix}{name}"
        found |= {path} | paths(inner, f"{path}[]." if isinstance(inner, list) else f"{path}.")
    return found


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("status",), "status --json"),
        (("control", "pause"), "control --json"),
        (("explain", "cuda:0"), "explain --json"),
    ],
)
def test_the_fields_that_are_printed_are_those_of_the_manual(
    served: ServedRun, words: tuple[str, ...], kind: str
) -> None:
    command, *others = words
    printed = json.loads(tui_balancer_here(command, served.folder, *others, "--json").stdout)
    told = {path for path, _, _ in rows(PRINTED[kind])}
    of_the_other_policy = {f"policy.{name}" for name in CountSettings.__struct_fields__}
    assert paths(printed) == told - of_the_other_policy
    assert printed["format"] == 1


def test_the_manual_has_the_fields_of_the_program() -> None:
    text = CONTROL_PAGE.read_text()
    assert with_fields(text) == text, "run: python -m tests.manual"


def test_every_field_is_explained() -> None:
    assert [path for kind in PRINTED.values() for path, _, about in rows(kind) if not about] == []


def test_watched_lines_end_with_the_run(served: ServedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_balancer.cli.commands.status.WATCH_SECONDS", 0.0)
    monkeypatch.setattr("tui_balancer.attach.responder.STATUS_SECONDS", 0.0)
    looks = iter(range(3))

    def snapshot() -> RunSnapshot:
        return RUNNING if next(looks, None) is not None else FINISHED

    monkeypatch.setattr(served.run, "snapshot", snapshot)
    ended = tui_balancer_here("status", served.folder, "--watch", "--json")
    phases = [json.loads(line)["phase"] for line in ended.stdout.splitlines()]
    assert (ended.returncode, phases) == (0, ["running"] * 3 + ["finished"])


def test_a_status_is_shared_for_a_moment_but_not_across_a_command(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_balancer.attach.responder.STATUS_SECONDS", 1e9)
    one, other = served.client(read_only=True), served.client()
    assert not one.status().paused
    served.run.current = replace(RUNNING, paused=True)
    assert not other.status().paused
    assert other.execute(PauseAll()).accepted
    assert one.status().paused


@pytest.mark.parametrize("words", [("status",), ("control", "pause", "cuda:0")])
def test_a_live_run_is_asked_without_what_makes_a_command_slow(
    served: ServedRun, words: tuple[str, ...]
) -> None:
    command, *others = words
    script = (
        "import atexit, sys\n"
        "heavy = {'numpy', 'textual', 'torch', 'psutil'}\n"
        "atexit.register(lambda: print(sorted(heavy & sys.modules.keys())))\n"
        "from tui_balancer.cli.app import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, command, str(served.folder), *others],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "[]"
