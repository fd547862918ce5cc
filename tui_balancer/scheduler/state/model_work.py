"""What waits in a queue for each model of a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tui_balancer.scheduler.model import Unit


@dataclass(slots=True)
class ModelWork:
    """What waits in a queue for one model."""

    units: int = 0
    cost: float = 0.0
    residues: int = 0

    def add(self, unit: Unit) -> None:
        """Count a unit in."""
        self.units += 1
        self.cost += unit.cost
        self.residues += unit.residues

    def remove(self, unit: Unit) -> None:
        """Count a unit out."""
        self.units -= 1
        self.cost -= unit.cost
        self.residues -= unit.residues

    def count(self, units: Collection[Unit], sign: int) -> None:
        """Count units in, or out with the sign -1."""
        self.units += sign * len(units)
        self.cost += sign * sum([unit.cost for unit in units])
        self.residues += sign * sum([unit.residues for unit in units])


def units_by_model(units: Collection[Unit]) -> dict[int, Collection[Unit]]:
    """Return units by their models, in their order."""
    if len(models := {unit.model for unit in units}) == 1:
        return {models.pop(): units}
    found: dict[int, list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.model, []).append(unit)
    return dict(found)
