"""Names of what the comparison of the policies compares, and in which cases."""

from __future__ import annotations

from typing import Literal

PolicyName = Literal["static", "count", "time", "time+split", "central"]
Scenario = Literal["quiet", "throttled", "dying"]

THROTTLED_TO = 1 / 3
"""What a throttled device has of its speed."""
