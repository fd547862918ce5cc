"""Runs to be explained: under a virtual clock, and by the coordinator step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.balance import Bench, units
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.handle import Phase, RunSnapshot, ScanProgress
from tui_balancer.view.why.explain import explain_event, explain_name
from tui_balancer.view.why.facts import Facts
from tui_balancer.view.why.record import WhyRecord

MORNING = 1_760_000_000.0  # 2025-10-09 08:53:20 UTC


def facts_of(
    coordinator: WorkStealingCoordinator,
    units: Sequence[Unit],
    record: WhyRecord,
    now: float,
    **fields: Any,
) -> Facts:
    """Return a coordinator's run as it is now, after its new events are noted in `record`.

    Args:
        fields: Of the snapshot, where they are not those of a run at work.
    """
    record.note(coordinator.events_after(record.last_event))
    work = coordinator.snapshot()
    totals = work.totals
    snapshot = RunSnapshot(
        **{
            "phase": Phase.RUNNING,
            "model_label": "simulated",
            "untrained": False,
            "output": "embeddings",
            "started_at": MORNING,
            "elapsed_seconds": now,
            "scan": ScanProgress(totals.files, totals.files, totals.sequences, totals.residues),
            "stealing": True,
            **work.values(),
            **fields,
        }
    )
    places = coordinator.places(-1)
    assert places is not None
    return Facts(snapshot, units, places, record)


class Told:
    """A run of whole files that a test moves on by hand, and what is said of it.

    Attributes:
        bench: The run.
        options: Of `facts_of`.
    """

    def __init__(self, bench: Bench, units: Sequence[Unit], **options: Any) -> None:
        self.bench = bench
        self.options = options
        self._units = units
        self._record = WhyRecord()

    @property
    def facts(self) -> Facts:
        """The run as it is now."""
        bench = self.bench
        return facts_of(
            bench.coordinator, self._units, self._record, bench.clock.now, **self.options
        )

    def why(self, name: str) -> str:
        """Return what is said of a device or file."""
        return explain_name(self.facts, name).text

    def event(self, kind: type[Event]) -> str:
        """Return what is said of the newest event of a kind."""
        newest = [one for one in self.bench.journal if isinstance(one, kind)][-1]
        return explain_event(self.facts, newest).text


def told(costs: Sequence[float], *, weights: Sequence[float] = (1.0, 1.0), **options: Any) -> Told:
    """Return a run of files with these costs on devices of these weights, both ready.

    Args:
        options: Of `Bench`.
    """
    bench = Bench(weights, costs, **options)
    return Told(bench, units(*costs), stealing=options.get("stealing", True))
