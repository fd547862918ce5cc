"""The leases of a ledger, as anybody may read them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from tui_balancer.ledger.reading import LedgerReader, connect
from tui_balancer.ledger.records import LeaseEnd


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease; `ended_seconds` and `how` are None while it is out."""

    session: int
    unit: int
    epoch: int
    device: str
    granted_seconds: float
    ended_seconds: float | None
    how: LeaseEnd | None


def leases_of(ledger: LedgerReader) -> tuple[LeaseRow, ...]:
    """Return every lease ever granted, by session and time."""
    with closing(connect(ledger.path, "ro")) as connection:
        rows = connection.execute(
            "SELECT session, unit, epoch, device, granted, ended, how "
            "FROM leases ORDER BY session, granted, unit, epoch"
        ).fetchall()
    return tuple(
        LeaseRow(session, unit, epoch, device, granted, ended, LeaseEnd(how) if how else None)
        for session, unit, epoch, device, granted, ended, how in rows
    )
