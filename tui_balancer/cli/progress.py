"""Progress bars on the command line, before a run starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from tui_balancer.view.handle import Step


@contextmanager
def bars() -> Iterator[Callable[[Step], None]]:
    """Show a bar for each step inside; none if stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: Step) -> None:
            if step.what not in tasks:
                tasks[step.what] = progress.add_task(step.what, amount="")
            progress.update(
                tasks[step.what],
                total=step.total or None,
                completed=step.done,
                amount=step.amount,
            )

        yield show


@contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show one bar inside; its argument is `Progress.update` for it."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield partial(progress.update, progress.add_task(what, total=total))
