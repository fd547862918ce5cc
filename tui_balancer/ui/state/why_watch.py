"""Keeps the answer to an open question current as the run continues."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.why.explain import Question
from tui_balancer.view.why.facts import Explanation, read_facts
from tui_balancer.view.why.record import WhyRecord


class Answer(NamedTuple):
    """A question with its answer."""

    question: Question
    explanation: Explanation


class WhyWatch:
    """Collects the events of a run and answers questions from them.

    Used only on the thread that reads the run.
    """

    def __init__(self) -> None:
        self._record = WhyRecord()
        self._places: Places | None = None

    def note(self, events: Iterable[Event]) -> None:
        """Add the next events."""
        self._record.note(events)

    def answer(self, run: RunHandle, question: Question) -> Answer:
        """Return the current answer."""
        facts = read_facts(run, self._record, self._places)
        self._places = facts.places
        return Answer(question, question(facts))
