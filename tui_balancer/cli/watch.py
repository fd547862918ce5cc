"""Runs a session to its exit code, on the screen or headless."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tui_balancer import command_age
from tui_balancer.cli.commands.export import merge_outputs
from tui_balancer.cli.headless import POLL_SECONDS, HeadlessReporter
from tui_balancer.cli.interrupts import Interrupts, counted_interrupts, outlived_hangup
from tui_balancer.cli.progress import bars
from tui_balancer.cli.screen import can_show, show_run
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_FAILED
from tui_balancer.run.live.starting import OpeningRun, Prepare
from tui_balancer.run_folder.names import APP_LOG, LOGS_FOLDER, RUN_LOG
from tui_balancer.scheduler.commands import StopNow
from tui_balancer.settings import RunSettings
from tui_balancer.ui.exits import ExitCode
from tui_balancer.view.summary_text import exit_code

if TYPE_CHECKING:
    from tui_balancer.monitoring.monitors import Monitors
    from tui_balancer.run.live.session import RunSession
    from tui_balancer.run.prepare.prepare import PreparedRun

_log = logging.getLogger(__name__)


@outlived_hangup()
def watch(
    settings: RunSettings,
    prepare: Prepare,
    *,
    headless: bool,
    ascii_only: bool = False,
    quiet: bool = False,
    lines: TextIO | None = None,
    monitors: Monitors | None = None,
) -> int:
    """Run on the screen or headless, and return the exit code.

    With a screen, the preparation is shown there too, since it may take long. `logs/run.log` in
    the run folder has every line, even if the screen fails.

    Args:
        settings: The requested run.
        headless: Whether to show no screen.
        ascii_only: Whether to draw with ASCII only.
        quiet: Whether to show no screen and print only problems.
        lines: Gets the plain lines and the summary; stdout by default.
        monitors: Follow the run too.

    Raises:
        KeyboardInterrupt: A signal arrived, or the user quit, before the run started.
        UserError: The run cannot start; the message says why.
    """
    lines = lines or sys.stdout
    from tui_balancer.run.prepare.prepare import require_sense
    from tui_balancer.workers.process.spawning import start_helper

    if not can_show(headless=headless or quiet):
        with bars() as on_step:
            prepared = prepare(on_step)
        start_helper()
        with counted_interrupts() as interrupts, _Recorded(monitors) as recorded:
            session = recorded.begin(prepared)
            _watch_headless(session, interrupts, lines, from_now=False, quiet=quiet)
    else:
        require_sense(settings)
        # First of all: with other threads at work the import takes twice as long.
        importlib.import_module("tui_balancer.ui.showing")
        start_helper()
        with counted_interrupts() as interrupts, _Recorded(monitors) as recorded:
            opening = OpeningRun(settings, prepare, recorded.begin)
            session = _watch_on_screen(opening, interrupts, lines, ascii_only=ascii_only)
    if session.refusal is not None:
        raise session.refusal
    summary = session.summary()
    assert summary is not None, "a closed session has its summary"
    if settings.outputs.merge and summary.done and not (summary.waiting or summary.damaged):
        try:
            merge_outputs(settings.output, overwrite=settings.overwrite)
        except UserError as problem:
            print(f"problem  {problem}", file=lines)
            return EXIT_FAILED
    return exit_code(summary)


class _Recorded:
    """A session and the thread that writes its run.log; a context manager closes both.

    Args:
        monitors: Follow the session too; closed by the caller.
    """

    def __init__(self, monitors: Monitors | None) -> None:
        self._monitors = monitors
        self._session: RunSession | None = None
        self._recorder: threading.Thread | None = None

    def __enter__(self) -> _Recorded:
        return self

    def begin(self, prepared: PreparedRun) -> RunSession:
        """Start a run.

        Raises:
            UserError: The run folder is not writable or in use.
        """
        # Imported behind the screen, because it takes long.
        from tui_balancer.attach.server import AttachServer
        from tui_balancer.run.live.session import RunSession

        with ExitStack() as stack:
            run_log = stack.enter_context(_opened_logs(prepared.settings.output))
            session = RunSession(prepared, age_seconds=command_age(), attach_service=AttachServer)
            stack.pop_all()

        def record() -> None:
            with run_log:
                HeadlessReporter(session, run_log, status_seconds=60.0).watch(session.wait)

        self._session = session
        self._recorder = threading.Thread(target=record, name="run-log")
        session.start()
        self._recorder.start()
        if self._monitors is not None:
            self._monitors.follow(session, session.wait)
        return session

    def __exit__(self, *_exception: object) -> None:
        if self._session is not None and self._recorder is not None:
            self._session.close()
            self._recorder.join()


def _opened_logs(output: Path) -> TextIO:
    """Open and return run.log in the run folder; send the program's messages to app.log."""
    logs = output / LOGS_FOLDER
    try:
        logs.mkdir(parents=True, exist_ok=True)
        run_log = (logs / RUN_LOG).open("a", encoding="utf-8")
        logging.basicConfig(
            filename=logs / APP_LOG,
            encoding="utf-8",
            errors="backslashreplace",
            level=logging.INFO,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
    except OSError as problem:
        raise UserError(
            f"cannot write the run folder {output}: {problem.strerror}; "
            "choose another with --output"
        ) from None
    return run_log


def _watch_headless(
    session: RunSession,
    interrupts: Interrupts,
    lines: TextIO,
    *,
    from_now: bool,
    quiet: bool = False,
) -> None:
    """Print lines until the run ends."""
    session.unattended = True
    reporter = HeadlessReporter(session, lines, from_now=from_now, quiet=quiet)
    reporter.watch(lambda seconds: _wait(session, interrupts, seconds, reporter.say))


def _watch_on_screen(
    opening: OpeningRun, interrupts: Interrupts, lines: TextIO, *, ascii_only: bool
) -> RunSession:
    """Show the screen until it closes or is lost, then watch the run to its end without one."""
    code = show_run(
        opening,
        painted=opening.start,
        interrupted=interrupts.hand_over,
        ascii_only=ascii_only,
    )
    if code.signalled:
        interrupts.note()
    session = _opened(opening, interrupts)
    if code is ExitCode.TERMINAL_LOST:
        session.unattended = True
        while not _wait(session, interrupts, POLL_SECONDS, _log.info):
            pass
    else:
        _watch_headless(session, interrupts, lines, from_now=True)
    return session


def _opened(opening: OpeningRun, interrupts: Interrupts) -> RunSession:
    """Return the run once it has started; an earlier interrupt keeps it from starting."""
    while not opening.settled.is_set():
        if interrupts.count and opening.call_off():
            raise KeyboardInterrupt
        opening.start()
        opening.settled.wait(POLL_SECONDS)
    if opening.problem is not None:
        raise opening.problem
    assert opening.session is not None, "a settled start has a run or a problem"
    return opening.session


def _wait(
    session: RunSession, interrupts: Interrupts, seconds: float, say: Callable[[str], None]
) -> bool:
    """Wait for the end of the run; an interrupt stops it gracefully, a second one at once."""
    if interrupts.news():
        if interrupts.count == 1:
            say("stopping after the batches in flight; Ctrl+C again stops at once")
            session.execute(StopNow())
        else:
            session.close()
    return session.wait(seconds)
