"""The file that the driver writes to, with and without a terminal behind it."""

from __future__ import annotations

import io
import threading

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tui_balancer.ui.driver import LossTolerantFile


class DeadTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_text_goes_through_while_the_terminal_is_there() -> None:
    terminal = io.StringIO()
    file = LossTolerantFile(terminal)
    file.write("\x1b[?1049h")
    file.flush()
    assert terminal.getvalue() == "\x1b[?1049h"
    assert file.isatty()


@pytest.mark.parametrize("use", [lambda file: file.write("text"), lambda file: file.flush()])
def test_an_error_means_that_the_terminal_is_lost(use: object) -> None:
    file = LossTolerantFile(DeadTerminal())
    use(file)  # type: ignore[operator]
    assert file.lost.is_set()
    assert not file.isatty()


def test_a_lost_terminal_takes_text_without_an_error() -> None:
    terminal = io.StringIO()
    file = LossTolerantFile(terminal)
    file.lost.set()
    assert file.write("text") == 4
    file.flush()
    assert terminal.getvalue() == ""


def test_the_writer_of_a_lost_terminal_never_blocks_the_event_loop() -> None:
    writer = WriterThread(LossTolerantFile(DeadTerminal()))  # type: ignore[arg-type]
    writer.start()
    loop = threading.Thread(
        target=lambda: [writer.write("text") for _ in range(10 * MAX_QUEUED_WRITES)], daemon=True
    )
    loop.start()
    loop.join(10)
    assert not loop.is_alive()
    writer.stop()
