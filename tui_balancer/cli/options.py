"""The options of the commands in groups; each group is a page section of `--help`.

A field is called as the setting that it becomes, see `cli.settings`: a new setting is a field there
and a field here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

from cyclopts import Group, Parameter

from tui_balancer.cli.numbers import decimal, whole
from tui_balancer.devices.selection import AUTO
from tui_balancer.embedding.families.table import DEFAULT_MODEL, FAMILIES, MODELS
from tui_balancer.embedding.settings import Long, PrecisionChoice
from tui_balancer.inputs.segments import SEGMENT_BYTES
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.representations import KINDS
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_batch_tokens
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.settings import AUTO_SHARD_BYTES, HANG_FLOOR_SECONDS

MODEL = Group("Model", sort_key=1)
DEVICES = Group("Devices", sort_key=2)
BALANCING = Group("Balancing", sort_key=3)
EMBEDDING = Group("Reading and embedding", sort_key=4)
RESUMING = Group("Going on", sort_key=5)
SCREEN = Group("Screen", sort_key=6)
SCRIPTS = Group("In scripts", sort_key=8)

_COUNT, _TIME = CountSettings(), TimeSettings()
_MIB = 1 << 20
_FAMILIES = ", or ".join(family.described for family in FAMILIES.values())
_FORMATS = [f"{one.name} ({one.words})" if one.words else one.name for one in FORMATS.values()]
_KINDS = [f"{kind.name} ({kind.words})" for kind in KINDS.values()]

MOST_WORKERS = 1024
"""On one machine, and threads of one of them: no machine has more cores."""

MOST_SECONDS = 1e7
"""A third of a year."""

MOST_TOKENS = 1_000_000_000
MOST_FILES = 1_000_000_000
MOST_LAYERS = 1000

MOST_SEED = 2**63 - 1
"""Of torch's generators, and of the ledger's numbers."""

# Each is a text; that it may be a path lets shells complete it.
Input = Annotated[
    str | Path, Parameter(name="INPUT", help="FASTA files, folders or globs; - for a pipe.")
]
Output = Annotated[
    Path,
    Parameter(name=["--output", "-o"], help="The run folder: one output for each input, and logs."),
]
Listed = Annotated[
    Path | None,
    Parameter(
        name="--list",
        help="A text file with one more input on each line. Blanks around a name, empty lines and "
        "lines that begin with # do not count.",
    ),
]


@Parameter(name="*", group=MODEL)
@dataclass(frozen=True)
class ModelOptions:
    """Which model computes."""

    model: Annotated[
        str,
        Parameter(
            help=f"{_FAMILIES} by name ({', '.join(MODELS)}; downloaded once "
            "to torch's cache), the path of a checkpoint in fair-esm's format or of a folder in "
            "Hugging Face's, facebook/NAME from the Hugging Face cache, or untrained:NAME for "
            "random weights (tests and benchmarks, not science)."
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
        Parameter(
            help=f"{AUTO} (default) takes every CUDA device, else MPS, else the CPU; or a list: "
            "cuda:0,cuda:2 or cuda or mps or cpu."
        ),
    ] = None

    cpu_workers: Annotated[int | None, whole(1, MOST_WORKERS)] = None
    """CPU worker processes, cpu:0 and on (default: the cores shared out)."""

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

    no_stealing: Annotated[bool, Parameter(negative="")] = False
    """Leave the first assignment alone."""

    split: Literal["auto", "off"] = "auto"
    """Whether idle devices take over batches of running files, where that ends them sooner."""


@Parameter(name="*", group=EMBEDDING)
@dataclass(frozen=True)
class EmbeddingOptions:
    """What is read, and what decides the bytes of an output."""

    repr_layer: Annotated[int, whole(-MOST_LAYERS, MOST_LAYERS)] = -1
    """Layer whose representations are kept; negative counts from the last."""

    repr_layers: str | None = None
    """Several layers, with commas between: 0,5,-1. Instead of --repr-layer."""

    include: Annotated[
        str,
        Parameter(
            help="What to keep of each layer, one or several with commas between: "
            f"{', '.join(_KINDS[:-1])}, and {_KINDS[-1]}."
        ),
    ] = "mean"

    max_length: Annotated[int, whole(1, MOST_TOKENS)] = 1022
    """Residues that go through the model together; see --long for longer sequences."""

    long: Long = "truncate"
    """Sequences of more residues: truncate cuts them, window embeds them in overlapping windows and
    averages those, skip leaves them out. Each is counted and listed."""

    no_dereplication: Annotated[bool, Parameter(negative="")] = False
    """Compute sequences that occur several times in the run every time, not once for all."""

    batch_tokens: Annotated[
        int | None,
        whole(
            1,
            MOST_TOKENS,
            help="Padded tokens in a batch, at most; less needs less memory (default: "
            f"{CPU_BATCH_TOKENS} if the CPU takes part, otherwise what suits the model and the "
            f"smallest GPU: {gpu_batch_tokens(MODELS[DEFAULT_MODEL])} for {DEFAULT_MODEL} "
            "where memory allows).",
        ),
    ] = None

    precision: PrecisionChoice = "auto"
    """Number format of the products, one for all devices. auto: fp32 if the CPU or MPS takes part,
    else bf16 if all GPUs have it, else fp16. All else is fp32 always."""

    reference: Annotated[bool, Parameter(negative="")] = False
    """Compute with fair-esm's own forward pass: slower, to hold a result against."""

    format: Annotated[
        str,
        Parameter(
            help="What to write for each input, one or several with commas between: "
            f"{', '.join(_FORMATS)}. A table of the sequences, NAME_ESM.tsv, is always there too."
        ),
    ] = "virnucpro"

    merge: Annotated[bool, Parameter(negative="")] = False
    """When the run is through, write one file for all inputs in each of the formats, too: merged.h5
    and the like, with merged.tsv."""

    shard: Annotated[
        str,
        Parameter(
            help="Divide large files at the scan into stretches that are queued, stolen and moved "
            "like files, each read from its own place: auto (those of more than "
            f"{AUTO_SHARD_BYTES // _MIB} MiB), off, or the size of a stretch, e.g. 64MB "
            f"({SEGMENT_BYTES // _MIB} MiB at least). Outputs are the same either way. Packed "
            "files stay whole."
        ),
    ] = "auto"

    allow_nucleotide: Annotated[bool, Parameter(negative="")] = False
    """Read files that look like DNA or RNA as protein nevertheless."""

    strict: Annotated[bool, Parameter(negative="")] = False
    """Fail a file, instead of a warning, if a sequence in it looks like DNA or RNA, three-letter
    codes, secondary structure or words, or is its own id."""


@Parameter(name="*", group=RESUMING)
@dataclass(frozen=True)
class ResumingOptions:
    """What is allowed when the run folder holds a run, or files of others."""

    rescan: Annotated[bool, Parameter(negative="")] = False
    """Accept inputs that changed since the scan, and embed them again; add new ones."""

    retry_failed: Annotated[bool, Parameter(negative="")] = False
    """Try the files again that have failed, and those whose outputs lack sequences."""

    overwrite: Annotated[bool, Parameter(negative="")] = False
    """Replace files at the places of outputs that this run did not write; without it they stop the
    run before any work. Folders are never replaced."""


@Parameter(name="*", group=SCREEN)
@dataclass(frozen=True)
class ScreenOptions:
    """How the run is watched."""

    headless: Annotated[bool, Parameter(negative="")] = False
    """Plain timestamped lines instead of the screen; chosen by itself without a terminal."""

    ascii: Annotated[bool, Parameter(negative="")] = False
    """Draw the screen in ASCII alone; chosen by itself where the terminal's encoding is another
    than UTF-8."""


@Parameter(name="*", group=SCRIPTS)
@dataclass(frozen=True)
class ScriptOptions:
    """Output for other programs."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print what `report --json` does at the end, and all else to stderr."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Headless, and only what goes wrong, on stderr: files that fail, devices that die, a run that
    is held, and the summary of one that is not done."""


def option_name(group: type, field: str) -> str:
    """Return the name of a group's field on the command line: `--cpu-workers`."""
    for one in getattr(get_type_hints(group, include_extras=True)[field], "__metadata__", ()):
        if isinstance(one, Parameter) and one.name:
            return next(iter(one.name))
    return f"--{field.replace('_', '-')}"
