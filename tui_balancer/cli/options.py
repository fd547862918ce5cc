"""The options of the commands, in groups; each group is a section of the help.

A field has the name of its setting, see `cli.settings`: a new setting is a field there and a field
here. `--help` shows those that are marked `COMMON`, `--help-all` shows all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

from cyclopts import Group, Parameter

from tui_balancer.cli.declarations import decimal, flag, seconds, whole
from tui_balancer.cli.help import COMMON
from tui_balancer.device_names import MOST_CARD_WORKERS
from tui_balancer.devices.selection import AUTO, WorkersPerGpu
from tui_balancer.embedding.families.table import DEFAULT_MODEL, TITLES
from tui_balancer.embedding.settings import ReadAs
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import HANG_FLOOR_SECONDS, SETTLE_SECONDS, DeviceSettings

MODEL = Group("Model", sort_key=1)
DEVICES = Group("Devices", sort_key=2)
BALANCING = Group("Balancing", sort_key=3)
RESUMING = Group("Resuming", sort_key=5)
WATCHING = Group("Watching", sort_key=5.5)
SCREEN = Group("Screen", sort_key=6)
MONITORING = Group("Monitoring", sort_key=8)
SCRIPTS = Group("In scripts", sort_key=9)

_COUNT, _TIME = CountSettings(), TimeSettings()

MOST_WORKERS = 1024
"""Maximum workers per machine and threads per worker: no machine has more cores."""

MOST_SECONDS = 1e7
"""About a third of a year."""

MOST_FILES = 1_000_000_000

MOST_SEED = 2**63 - 1
"""Limit of torch's generators and of the ledger's integers."""

# A string; the type `Path` makes shells complete it.
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
        help="A text file with more inputs, one per line. Blanks around a name, empty lines "
        "and lines that start with # are ignored.",
    ),
]

RunFolder = Annotated[Path, Parameter(name="OUT", help="The run folder.")]


def _unsplit(_type: object, value: str, *, delimiter: str | None = None) -> list[str]:  # noqa: ARG001
    """Return the value of an environment variable as one, also with blanks in it."""
    return [value]


@Parameter(name="*", group=MODEL)
@dataclass(frozen=True)
class ModelOptions:
    """Options for the model."""

    model: Annotated[
        tuple[str, ...],
        COMMON,
        Parameter(
            negative=(),
            env_var_split=_unsplit,
            show_default=", ".join,
            help=f"A model by name, or the path of a checkpoint, of {TITLES}. "
            "`tui-balancer models` lists the names. A checkpoint is a file in its makers' format "
            "or a folder in Hugging Face's; OWNER/NAME is one in the Hugging Face cache. "
            "untrained:NAME has random weights (tests and benchmarks, not science). Several "
            "models, each with --model, embed every input; MODEL=INPUT gives a model inputs of "
            "its own.",
        ),
    ] = (DEFAULT_MODEL,)

    seed: Annotated[int, whole(0, MOST_SEED)] = 0
    """Seed of untrained weights."""

    read_as: Annotated[ReadAs | None, Parameter(name="--as")] = None
    """What the sequences are, if not amino acids: 3di for Foldseek's structures in either case
    (ProstT5)."""


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

    workers_per_gpu: Annotated[
        WorkersPerGpu | None,
        whole(
            1,
            MOST_CARD_WORKERS,
            word=AUTO,
            help="Workers of each CUDA device (default: "
            f"{DeviceSettings().workers_per_gpu}), which share its memory and are named cuda:0/0, "
            "cuda:0/1. A small model may need several to keep a card busy; auto takes what bench "
            "measured. No output depends on it.",
        ),
    ] = None

    cpu_workers: Annotated[int | None, COMMON, whole(1, MOST_WORKERS)] = None
    """CPU worker processes (default: from the core count)."""

    cpu_threads: Annotated[int | None, whole(1, MOST_WORKERS)] = None
    """Threads per CPU worker (default: from the core count). The number can change the last
    bit of a result, so every output records it."""

    weights: str | None = None
    """Relative speeds instead of the table's: cuda:0=1.5,cuda:1=1 or 1.5,1 in device order."""

    hang_floor: Annotated[
        float | None,
        decimal(
            0,
            MOST_SECONDS,
            above=True,
            help="A worker without progress for this many seconds (default: "
            f"{HANG_FLOOR_SECONDS:g}) is killed and its file is retried; more if batches take "
            "long.",
        ),
    ] = None

    release_idle: Annotated[float | None, seconds(0, MOST_SECONDS, above=True)] = None
    """Drain a device that has had nothing left to do for this long, such as 5m: its worker ends and
    its memory is free. New files start it again."""


GainSeconds = Annotated[
    float | None,
    decimal(
        0,
        MOST_SECONDS,
        name="--threshold",
        help=f"Policy time: minimum gain of a steal in seconds (default: {_TIME.gain_seconds:g}).",
    ),
]
Ratio = Annotated[
    float | None,
    decimal(
        1,
        MOST_FILES,
        name="--threshold-ratio",
        help=f"Policy count: steal when longest > ratio x shortest (default: {_COUNT.ratio:g}).",
    ),
]
Difference = Annotated[
    int | None,
    whole(
        1,
        MOST_FILES,
        name="--threshold-difference",
        help="Policy count: or when the longest is longer by this many files (default: "
        f"{_COUNT.difference}).",
    ),
]
Minimum = Annotated[
    int | None,
    whole(
        1,
        MOST_FILES,
        name="--threshold-minimum",
        help=f"Policy count: and the longest has at least this many (default: {_COUNT.minimum}).",
    ),
]
IntervalSeconds = Annotated[
    float | None,
    decimal(
        0.1,
        MOST_SECONDS,
        name="--steal-interval",
        help="Policy count: seconds between checks of an idle device (default: "
        f"{_COUNT.interval_seconds:g}).",
    ),
]


@Parameter(name="*", group=BALANCING)
@dataclass(frozen=True)
class BalancingOptions:
    """Options for stealing."""

    policy: Literal["time", "count"] = "time"
    """time: an idle device steals the file that ends the run soonest. count: it steals if the
    longest queue is longer by enough files."""

    gain_seconds: GainSeconds = None

    ratio: Ratio = None

    difference: Difference = None

    minimum: Minimum = None

    interval_seconds: IntervalSeconds = None

    no_stealing: Annotated[bool, flag()] = False
    """Keep the initial assignment: no steals."""

    split: Literal["auto", "off"] = "auto"
    """Whether idle devices take over batches of running files if that ends them sooner."""

    priority: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            help="PATTERN=N, several times: files that match come before those with a lower N in "
            "each queue, also if they come later. Files that match none have 0. A pattern without "
            "a slash is compared with the last part of the path.",
        ),
    ] = ()


@Parameter(name="*", group=RESUMING)
@dataclass(frozen=True)
class ResumingOptions:
    """Options for a run folder that already contains a run or other files."""

    rescan: Annotated[bool, COMMON, flag()] = False
    """Embed changed inputs again; add new ones."""

    retry_failed: Annotated[bool, COMMON, flag()] = False
    """Retry failed files, and outputs that lack sequences."""

    check: Literal["quick", "full"] = "quick"
    """How the model, inputs and finished outputs are compared with the ledger. quick: by size and
    time, and by their bytes if only the time differs. full: by their bytes."""

    overwrite: Annotated[bool, COMMON, flag()] = False
    """Replace other files at the paths of outputs. Without it they stop the run before any
    work. Folders are never replaced."""


@Parameter(name="*", group=WATCHING)
@dataclass(frozen=True)
class WatchOptions:
    """Options for folders in which files arrive during the run."""

    watch: Annotated[bool, flag()] = False
    """Watch the folders named as inputs, and embed what arrives in them once it is complete. The
    run continues until it is stopped."""

    settle: Annotated[
        float | None,
        seconds(
            0,
            MOST_SECONDS,
            above=True,
            help="With --watch: a file is complete when it is closed and has not changed for this "
            f"long (default: {SETTLE_SECONDS:g} s).",
        ),
    ] = None

    idle_exit: Annotated[float | None, seconds(0, MOST_SECONDS)] = None
    """With --watch: end the run when there was nothing to do for this long, such as 10m."""


@Parameter(name="*", group=SCREEN)
@dataclass(frozen=True)
class ScreenOptions:
    """Options for the screen."""

    headless: Annotated[bool, COMMON, flag()] = False
    """Print lines with the time instead of the screen. The default without a terminal."""

    ascii: Annotated[bool, flag()] = False
    """Draw the screen in ASCII only; the default if the terminal's encoding is not UTF-8."""


@Parameter(name="*", group=MONITORING)
@dataclass(frozen=True)
class MonitoringOptions:
    """Options for what is told about a run elsewhere."""

    notify: Annotated[
        str | None,
        Parameter(
            help="Shell command for when a file fails, a device dies, the run is held, or ends. It "
            "reads a JSON object from its standard input."
        ),
    ] = None

    metrics: Annotated[
        str | None,
        Parameter(
            help="Serve OpenMetrics at [HOST:]PORT, to this machine alone unless it names a host."
        ),
    ] = None


@Parameter(name="*", group=SCRIPTS)
@dataclass(frozen=True)
class ScriptOptions:
    """Options for scripts."""

    json: Annotated[bool, flag()] = False
    """At the end print the output of `report --json`; print everything else to stderr."""

    quiet: Annotated[bool, flag()] = False
    """Headless, with only problems on stderr: failed files, dead devices, a held run, and the
    summary of a run that is not done."""


def option_name(group: type, field: str) -> str:
    """Return the option name of a group's field: `--cpu-workers`."""
    for one in getattr(get_type_hints(group, include_extras=True)[field], "__metadata__", ()):
        if isinstance(one, Parameter) and one.name:
            return next(iter(one.name))
    return f"--{field.replace('_', '-')}"
