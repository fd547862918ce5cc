"""A run whose processes may not take the memory that they need."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.support.commands import complete, run_command
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.run.prepare.limits import limit_warnings
from tui_balancer.settings import RunSettings

SHAPE = MODELS["esm2_t6_8M_UR50D"]
EMBEDDING = RunSettings((), Path(), "").embedding_settings(1024, "fp32")
PROCESSOR = (SelectedDevice("cpu:0", "a CPU", None),)
CARD = (SelectedDevice("cuda:0", "a card", None), *PROCESSOR)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The limits of this process, none of them set."""
    limits: dict[int, int] = {}

    def limit(number: int) -> tuple[int, int]:
        value = limits.get(number, resource.RLIM_INFINITY)
        return value, value

    monkeypatch.setattr(resource, "getrlimit", limit)
    return limits


@pytest.mark.parametrize(
    ("number", "option"), [(resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")]
)
def test_a_limit_is_told_of_that_a_worker_is_likely_to_meet(
    limits: dict[int, int], number: int, option: str
) -> None:
    assert limit_warnings(PROCESSOR, SHAPE, EMBEDDING) == ()
    limits[number] = 1 << 30
    (line,) = limit_warnings(PROCESSOR, SHAPE, EMBEDDING)
    assert line.startswith(f"`ulimit {option}` limits each process to 1.0 GiB, and a worker may")
    limits[number] = 8 << 30
    assert limit_warnings(PROCESSOR, SHAPE, EMBEDDING) == ()
    assert len(limit_warnings(CARD, SHAPE, EMBEDDING)) == 1


def test_a_run_that_cannot_get_memory_ends_and_names_the_limit(
    little: Path, tmp_path: Path
) -> None:
    limited = ["sh", "-c", 'ulimit -v 400000; OPENBLAS_NUM_THREADS=1 exec "$@"', "sh"]
    ran = complete([*limited, *run_command(little, output=tmp_path / "out")])
    assert ran.returncode == 1
    assert "warning  `ulimit -v` limits each process to 0.4 GiB" in ran.stdout
    assert "every device is dead" in ran.stdout
    assert "see worker-cpu_0.log; `ulimit -v` allows a process 0.4 GiB" in ran.stdout
    assert "Traceback" not in ran.stderr
