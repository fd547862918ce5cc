"""The options of the commands in groups; each group is a section of the help.

A field is called as the setting that it becomes, see `cli.settings`: a new setting is a field there
and a field here. `--help` shows those that are marked `COMMON`, `--help-all` shows all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

from cyclopts import Group, Parameter

from tui_balancer.cli.declarations import decimal, flag, whole
from tui_balancer.cli.help import COMMON
from tui_balancer.devices.selection import AUTO
from tui_balancer.embedding.families.table import DEFAULT_MODEL, FAMILIES, MODELS
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import HANG_FLOOR_SECONDS

MODEL = Group("Model", sort_key=1)
DEVICES = Group("Devices", sort_key=2)
BALANCING = Group("Balancing", sort_key=3)
RESUMING = Group("Resuming", sort_key=5)
SCREEN = Group("Screen", sort_key=6)
SCRIPTS = Group("In scripts", sort_key=8)

_COUNT, _TIME = CountSettings(), TimeSettings()
_FAMILIES = ", or ".join(family.described for family in FAMILIES.values())
_HUB_NAMES = " or ".join(f"{family.hub_owner}/NAME" for family in FAMILIES.values())

MOST_WORKERS = 1024
"""On one machine, and threads of one of them: no machine has more cores."""

MOST_SECONDS = 1e7
"""A third of a year."""

MOST_FILES = 1_000_000_000

MOST_SEED = 2**63 - 1
"""Of torch's generators, and of the ledger's numbers."""

# Each is a text; that it may be a path lets shells complete it.
Input = Annotated[
    str | Path, Parameter(name="INPUT", help="FASTA files, folders or globs; - for a pipe.")
]
Output = Annotated[
    Path,
    Parameter(name=["--output", "-o"], help="The run folder, with the outputs and logs."),
]
Listed = Annotated[
    Path | None,
    Parameter(
        name="--list",
        help="A text file with more inputs, one on each line. Blanks around a name, empty lines "
        "and lines that begin with # do not count.",
    ),
]

RunFolder = Annotated[Path, Parameter(name="OUT", help="The run folder.")]


@Parameter(name="*", group=MODEL)
@dataclass(frozen=True)
class ModelOptions:
    """Which model computes."""

    model: Annotated[
        str,
        COMMON,
        Parameter(
            help=f"{_FAMILIES} by name, or the path of a checkpoint. The names are "
            f"{', '.join(MODELS)}; the weights are downloaded once, to torch's cache. A checkpoint "
            "is a file in fair-esm's format or a folder in Hugging Face's; "
            f"{_HUB_NAMES} is one in the Hugging Face cache. untrained:NAME has random weights "
            "(tests and benchmarks, not science)."
        ),
    ] = DEFAULT_MODEL

    seed: Annotated[int, whole(0, MOST_SEED)] = 0
    """Seed of untrained weights."""


@Parameter(name="*", group=DEVICES)
@dataclass(frozen=True)
class DeviceOptions:
    """What computes."""

    devices: Annotated[
        str | None,
        COMMON,
        Parameter(
            help=f"{AUTO} (default) takes every CUDA device, else MPS, else the CPU; or a list: "
            "cuda:0,cuda:2 or cuda or mps or cpu."
        ),
    ] = None

    cpu_workers: Annotated[int | None, COMMON, whole(1, MOST_WORKERS)] = None
    """CPU worker processes (default: the cores shared out)."""

    cpu_threads: Annotated[int | None, whole(1, MOST_WORKERS)] = None
    """Threads of each CPU worker (default: the cores shared out); part of what decides the last
    bit of a result, so it is written into every output."""

    weights: str | None = None
    """Relative speeds instead of the table's: cuda:0=1.5,cuda:1=1 or 1.5,1 in device order."""

    hang_floor: Annotated[
        float | None,
        decimal(
            0,
            MOST_SECONDS,
            above=True,
            help="A worker without progress for this many seconds (default: "
            f"{HANG_FLOOR_SECONDS:g}) is killed and its file tried again; more where batches take "
            "long.",
        ),
    ] = None


@Parameter(name="*", group=BALANCING)
@dataclass(frozen=True)
class BalancingOptions:
    """When files change hands."""

    policy: Literal["time", "count"] = "time"
    """time: an idle device steals the file that ends the run soonest. count: it steals when the
    longest queue leads by enough files."""

    gain_seconds: Annotated[
        float | None,
        decimal(
            0,
            MOST_SECONDS,
            name="--threshold",
            help="Policy time: least gain in seconds that is worth a steal (default: "
            f"{_TIME.gain_seconds:g}).",
        ),
    ] = None

    ratio: Annotated[
        float | None,
        decimal(
            1,
            MOST_FILES,
            name="--threshold-ratio",
            help="Policy count: steal when longest > ratio x shortest (default: "
            f"{_COUNT.ratio:g}).",
        ),
    ] = None

    difference: Annotated[
        int | None,
        whole(
            1,
            MOST_FILES,
            name="--threshold-difference",
            help="Policy count: or when the longest leads by this many files (default: "
            f"{_COUNT.difference}).",
        ),
    ] = None

    minimum: Annotated[
        int | None,
        whole(
            1,
            MOST_FILES,
            name="--threshold-minimum",
            help="Policy count: and the longest holds at least this many (default: "
            f"{_COUNT.minimum}).",
        ),
    ] = None

    interval_seconds: Annotated[
        float | None,
        decimal(
            0.1,
            MOST_SECONDS,
            name="--steal-interval",
            help="Policy count: seconds after which an idle device looks again (default: "
            f"{_COUNT.interval_seconds:g}).",
        ),
    ] = None

    no_stealing: Annotated[bool, flag()] = False
    """Leave the first assignment alone."""

    split: Literal["auto", "off"] = "auto"
    """Whether idle devices take over batches of running files, where that ends them sooner."""


@Parameter(name="*", group=RESUMING)
@dataclass(frozen=True)
class ResumingOptions:
    """What is allowed when the run folder holds a run, or files of others."""

    rescan: Annotated[bool, COMMON, flag()] = False
    """Embed changed inputs again; add new ones."""

    retry_failed: Annotated[bool, COMMON, flag()] = False
    """Try failed files again, and outputs that lack sequences."""

    overwrite: Annotated[bool, COMMON, flag()] = False
    """Replace files of others at the places of outputs. Without it they stop the run before any
    work. Folders are never replaced."""


@Parameter(name="*", group=SCREEN)
@dataclass(frozen=True)
class ScreenOptions:
    """How the run is watched."""

    headless: Annotated[bool, COMMON, flag()] = False
    """Plain lines with the time instead of the screen. The default without a terminal."""

    ascii: Annotated[bool, flag()] = False
    """Draw the screen in ASCII alone; the default where the terminal's encoding is not UTF-8."""


@Parameter(name="*", group=SCRIPTS)
@dataclass(frozen=True)
class ScriptOptions:
    """Output for other programs."""

    json: Annotated[bool, flag()] = False
    """Print what `report --json` does at the end, and all else to stderr."""

    quiet: Annotated[bool, flag()] = False
    """Headless, and only what goes wrong, on stderr: files that fail, devices that die, a run that
    is held, and the summary of one that is not done."""


def option_name(group: type, field: str) -> str:
    """Return the name of a group's field on the command line: `--cpu-workers`."""
    for one in getattr(get_type_hints(group, include_extras=True)[field], "__metadata__", ()):
        if isinstance(one, Parameter) and one.name:
            return next(iter(one.name))
    return f"--{field.replace('_', '-')}"
