"""Keys, mouse and resizes at random on the screen of a real run.

`python -m tests.faults.screen_fuzz --events 20000 --seed 1` sends them to `tui-balancer run` in a
pseudo-terminal and prints what was sent, how often the screen fell, and whether it still answers.
The random events include bytes that are no UTF-8, pastes, clicks and keys in one write, windows
down to 1x1, SIGSTOP, SIGTSTP and SIGCONT. A screen that the events themselves have left (they may
choose "Stop now") is opened again on a new run.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import workers_of
from tests.support.private_user import private_user
from tests.support.terminal import PATIENCE_SECONDS, Terminal
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run_folder.names import APP_LOG
from tui_balancer.ui.tolerant_app import FAILED

ANSWER_TRIES, ANSWER_SECONDS = 12, 10.0

WORKERS = 2

PAUSE_SECONDS = 0.05

BURST = 25
"""Events between two looks at whether the program is there."""

CHECKED_EVERY = 250
"""Events between two looks at whether the screen answers."""

ESCAPE = "\x1b[27u"
"""Escape in kitty's keyboard protocol: what follows at once does not make another key of it."""

KEYS = (
    *"123456jkhlpPeu!yfxrtTamsSvz0<>[]+-=,.nNbB/? ",
    *("\r", "\x1b", "\t", "\x7f", "\x10", "\x1a", "\x0c", "\x00", "\x1b[Z"),
    *("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"),
    *("\x1bOP", "\x1b[1;2C", "\x1b[1;2D", "\x1b[1;5A", "\x1b[97u", "\x1b[57443u", "\x1bx"),
    *(f"q{ESCAPE}", f"q\x1b[D{ESCAPE}", "é", "漢", "🧬"),
)
NO_TEXT = (b"\xff", b"\xe9", b"\xc3", b"\xf0\x9f", b"\x80\x81", b"\xed\xa0\x80", b"\xc0\xaf")
NO_KEYS = (b"\x1b[", b"\x1b[<", b"\x1b[<0;;M", b"\x1b[999;999;999~", b"\x1b]52;c;?\x07", b"\x1bP")
ANSWERS = (b"\x1b[I", b"\x1b[O", b"\x1b[?2026;2$y", b"\x1b[1;1R", b"\x1b[200~", b"\x1b[201~")
WINDOWS = ((1, 1), (2, 50), (200, 2), (20, 5), (40, 12), (80, 24), (80, 24), (120, 40), (160, 50))


@dataclass
class Findings:
    """What became of the screen.

    Attributes:
        sent: Events by their kind.
        falls: First lines of the errors that made the screen fall.
        runs: How many were needed; all but the first because the events ended the one before.
        dropped: Keys and clicks that failed and that nothing else failed with, and their errors.
        asked: How often the help was asked for.
        answers: How often it came, over a run at work.
        wrong: Lines about what must not be.
    """

    sent: Counter[str] = field(default_factory=Counter)
    falls: list[str] = field(default_factory=list)
    runs: int = 0
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: int = 0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)


class Subject:
    """A run on two CPU workers whose screen is shown in a terminal."""

    def __init__(self, folder: Path, number: int, checkpoint: Path) -> None:
        self.output = folder / f"out{number}"
        command = [sys.executable, "-m", "tui_balancer", "run", str(folder / "in")]
        command += ["-o", str(self.output), "--model", str(checkpoint), "--devices", "cpu"]
        command += ["--cpu-workers", str(WORKERS), "--cpu-threads", "1"]
        self.terminal = Terminal(command)
        self.terminal.wait_for("● busy")
        self.size = (80, 24)

    def burst(self, dice: random.Random, found: Findings) -> None:
        """Send some events, faster than a person can, and let the screen catch up a little.

        Raises:
            EOFError: The program has ended.
        """
        for _ in range(BURST):
            kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
            if kind in DONE:
                DONE[kind][1](self, dice)
            else:
                self.terminal.press(TYPED[kind][1](dice, self.size))
            found.sent[kind] += 1
        self.terminal.emulated = False
        self.terminal.read_for(PAUSE_SECONDS)
        self.terminal.emulated = True
        self.terminal.text = ""

    def bad_end(self) -> list[str]:
        """Return what is wrong with how the program has ended by itself."""
        code = self.terminal.process.wait(60)
        wrong = [] if code in (0, 1, 130) else [f"the program ended with {code}"]
        if self.terminal.modes() != self.terminal.modes_before:
            wrong.append("the terminal was left in other modes")
        if "Traceback" in self.terminal.text:
            wrong.append(f"a traceback: {self.terminal.text[-2000:]}")
        return wrong

    def close(self) -> None:
        """End the program if it has not ended, and its workers with it."""
        self.terminal.close()
        self.terminal.process.kill()
        self.terminal.process.wait()

    def resize(self, dice: random.Random) -> None:
        self.size = dice.choice(WINDOWS)
        self.terminal.resize(*self.size)

    def signal(self, dice: random.Random) -> None:
        """Suspend and continue the program in one of the ways of a shell."""
        for number in dice.choice(
            (
                (signal.SIGCONT,),
                (signal.SIGCONT, signal.SIGCONT),
                (signal.SIGSTOP, signal.SIGCONT),
                (signal.SIGTSTP, signal.SIGCONT),
                (signal.SIGWINCH,),
            )
        ):
            self.terminal.process.send_signal(number)

    def answers(self) -> bool:
        """Whether the help opens, whatever is open now."""
        terminal = self.terminal
        # The end of a paste and of a mouse button; the change of size paints the whole screen.
        terminal.press("\x1b[201~\x1b[<0;1;1m")
        terminal.resize(81, 24)
        terminal.resize(80, 24)
        opened = False
        for _ in range(ANSWER_TRIES):
            # Out of whatever is open, or still opens.
            terminal.press(6 * ESCAPE + "?")
            with suppress(AssertionError):
                terminal.wait_for("Keys", "escape closes", seconds=ANSWER_SECONDS)
                opened = True
                break
        terminal.press(ESCAPE)
        terminal.resize(*self.size)
        return opened

    def ended(self) -> bool:
        """Whether the run has ended because the events asked for that.

        Raises:
            AssertionError: Its workers are gone for another reason.
        """
        if workers_of(self.terminal.process.pid):
            return False
        log = self.output / "logs" / "run.log"
        deadline = time.monotonic() + PATIENCE_SECONDS
        # The line comes a moment after the workers have ended.
        while not any(words in log.read_text() for words in ("stopping after", " files done: ")):
            assert time.monotonic() < deadline, log.read_text()
            self.terminal.read_for(PAUSE_SECONDS)
        return True


def _falls(log: str) -> list[str]:
    """Return the last lines of what made the screen fall."""
    entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", log, flags=re.MULTILINE)
    return ["\n".join(entry.splitlines()[-40:]) for entry in entries if f"{FAILED}:\n" in entry]


def _cell(dice: random.Random, size: tuple[int, int]) -> tuple[int, int]:
    """Return a place, more often than not where toasts are, and at times outside."""
    columns, rows = size
    if dice.random() < 0.3:
        return max(1, columns - dice.randint(2, 30)), max(1, rows - dice.randint(1, 6))
    return dice.randint(1, columns + 2), dice.randint(1, rows + 2)


def _mouse(dice: random.Random, size: tuple[int, int]) -> bytes:
    column, row = _cell(dice, size)
    kind = dice.randrange(5)
    if kind < 3:
        click = f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"
        return (click * dice.randint(1, 3)).encode()
    if kind == 3:
        return f"\x1b[<{dice.choice((64, 65, 66, 67))};{column};{row}M".encode()
    there = _cell(dice, size)
    drag = f"\x1b[<0;{column};{row}M\x1b[<32;{there[0]};{there[1]}M"
    return (drag + (f"\x1b[<0;{there[0]};{there[1]}m" if dice.random() < 0.9 else "")).encode()


def _keys(dice: random.Random) -> bytes:
    keys: bytes = dice.choice(KEYS).encode()
    return keys * (dice.randint(5, 30) if dice.random() < 0.05 else 1)


def _palette(dice: random.Random) -> bytes:
    words = "".join(dice.choices("abcdefghiklmnoprstuw ", k=dice.randint(0, 4)))
    end = dice.choice(("\r", "\r\r", "\x1b[5~", "\x1b[6~\r", "\x1b", "\x1b[B\r\r\r"))
    # What is left open by a choice is closed again, the dialog that ends a run above all.
    return f"\x10{words}{end}{ESCAPE}{ESCAPE}".encode()


def _paste(dice: random.Random) -> bytes:
    text = "".join(dice.choices("qs\r\n\t\x00\x1b[31m漢a", k=dice.randint(0, 200)))
    return f"\x1b[200~{text}\x1b[201~".encode()


TYPED: dict[str, tuple[int, Callable[[random.Random, tuple[int, int]], bytes]]] = {
    "keys": (45, lambda dice, _: _keys(dice)),
    "mouse": (30, _mouse),
    "palette": (5, lambda dice, _: _palette(dice)),
    "paste": (3, lambda dice, _: _paste(dice)),
    "bytes": (5, lambda dice, _: dice.choice((*NO_TEXT, *NO_KEYS, *ANSWERS))),
}
DONE: dict[str, tuple[int, Callable[[Subject, random.Random], None]]] = {
    "resizes": (9, Subject.resize),
    "signals": (3, Subject.signal),
}
KINDS = {name: weight for name, (weight, _) in (*TYPED.items(), *DONE.items())}


def fuzz(folder: Path, events: int, seed: int) -> Findings:
    """Send so many events, and look at what comes of the screen."""
    dice = random.Random(seed)
    found = Findings()
    write_synthetic(folder / "in", files=60, sequences=100_000, seed=seed)
    checkpoint = make_checkpoint(folder / "esm2_tiny.pt", 4, 160, 8)
    while found.sent.total() < events:
        found.runs += 1
        so_far = f"{found.sent.total():,} events, {len(found.falls)} falls"
        print(f"run {found.runs} after {so_far}", file=sys.stderr, flush=True)
        subject = Subject(folder, found.runs, checkpoint)
        try:
            while found.sent.total() < events and not subject.ended():
                for _ in range(CHECKED_EVERY // BURST):
                    subject.burst(dice, found)
                answered = subject.answers()
                found.asked += 1
                found.answers += answered
                if not answered:
                    shown = subject.terminal.shown()
                    found.wrong.append(f"no answer after {found.sent.total():,} events:\n{shown}")
                    break
        except EOFError:
            found.wrong += subject.bad_end()
        finally:
            log = (subject.output / "logs" / APP_LOG).read_text(errors="replace")
            found.falls += _falls(log)
            found.dropped.update(re.findall(r"(\w+) was dropped:\n(?:[ T].*\n)*(.*)", log))
            subject.close()
    return found


@private_user()
def main() -> None:
    """Fuzz as much as was asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.faults.screen_fuzz")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # Else the run would go on without its terminal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(Path(folder), options.events, options.seed)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.sent.most_common())
    print(f"{found.sent.total():,} events ({kinds}) on {found.runs} runs")
    print(
        f"{len(found.falls)} falls of the screen, {found.dropped.total()} keys and clicks dropped"
    )
    for (event, error), count in found.dropped.most_common():
        print(f"  {count} {event}: {error}")
    print(f"the screen answered {found.answers} of {found.asked} times")
    sys.exit("\n".join((*found.falls, *found.wrong)) or None)


if __name__ == "__main__":
    main()
