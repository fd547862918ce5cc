"""Predicts the time of a unit on a device from the times of earlier units.

FLOPs are not all alike: on most devices those of attention, whose number grows with the square
of a sequence's length, take longer than those of the linear layers. A unit's cost c and its
residues r tell the two apart, since c = A·r + B·ΣL² for a model, so that the time is fitted as
x·c + y·r, with the relative errors of the recent units squared and weighted as least squares.
"""

from __future__ import annotations

from math import inf, log

from tui_balancer.scheduler.model import Unit

MEMORY = 0.95
"""Weight of a unit against the one after it: some twenty units count."""

JUDGED = 0.9
"""The same for the errors of the two predictions; the better one of the last ten is believed."""

LEAST = 5
"""Minimum number of units before the fit is used."""

FARTHEST = 2.0
"""Most that the fit may differ from the plain prediction: beyond that it extrapolates."""


class Calibration:
    """Predicts the seconds of units on one device from those that it has finished.

    The plain prediction is cost over rate. The fit takes its place only while its predictions,
    each made before the unit was known, were the better ones.
    """

    __slots__ = ("_believed", "_cc", "_cr", "_errors", "_fit", "_rr", "_sc", "_sr", "_units")

    def __init__(self) -> None:
        self._cc = self._cr = self._rr = self._sc = self._sr = 0.0
        self._errors = [0.0, 0.0]
        self._fit: tuple[float, float] | None = None
        # The fit while it is believed, so that the many predictions need not ask.
        self._believed: tuple[float, float] | None = None
        self._units = 0

    def predict(self, unit: Unit, rate: float) -> float:
        """Return the seconds that a unit will take.

        Args:
            rate: FLOP/s of the device at this moment.
        """
        return unit.cost * self.factor(unit.cost, unit.residues, rate) / rate

    def factor(self, cost: float, residues: int, rate: float) -> float:
        """Return by how much so many FLOPs and residues take longer than cost over rate."""
        if self._believed is None or not cost:
            return 1.0
        of_cost, of_residues = self._believed
        seconds = of_cost * cost + of_residues * residues
        if not 0 < seconds < inf:
            return 1.0
        factor = seconds * rate / cost
        if factor > FARTHEST:
            return FARTHEST
        return factor if factor > 1 / FARTHEST else 1 / FARTHEST

    def learn(self, unit: Unit, rate: float, seconds: float) -> None:
        """Record the time of a unit.

        Args:
            unit: The unit, computed by this device alone.
            rate: FLOP/s that the device was thought to do before.
            seconds: In which its batches were in flight.
        """
        if not (seconds > 0 and unit.cost > 0):
            return
        plain, fitted = unit.cost / rate, self._fitted(unit.cost, unit.residues)
        for number, predicted in enumerate((plain, plain if fitted is None else fitted)):
            error = abs(log(predicted / seconds))
            self._errors[number] = JUDGED * self._errors[number] + (1 - JUDGED) * error
        c, r = unit.cost / seconds, unit.residues / seconds
        self._cc = MEMORY * self._cc + c * c
        self._cr = MEMORY * self._cr + c * r
        self._rr = MEMORY * self._rr + r * r
        self._sc = MEMORY * self._sc + c
        self._sr = MEMORY * self._sr + r
        self._units += 1
        determinant = self._cc * self._rr - self._cr * self._cr
        # Units of one kind do not tell the two terms apart.
        if determinant <= 1e-6 * self._cc * self._rr:
            self._fit = None
        else:
            self._fit = (
                (self._rr * self._sc - self._cr * self._sr) / determinant,
                (self._cc * self._sr - self._cr * self._sc) / determinant,
            )
        better = self._units >= LEAST and self._errors[1] < self._errors[0]
        self._believed = self._fit if better else None

    def _fitted(self, cost: float, residues: int) -> float | None:
        """Return the fit's prediction; None if there is no valid one."""
        if self._fit is None:
            return None
        seconds = self._fit[0] * cost + self._fit[1] * residues
        return seconds if 0 < seconds < inf else None
