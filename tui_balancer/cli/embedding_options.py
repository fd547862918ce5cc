"""The options that decide what is read and what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from tui_balancer.cli.declarations import flag, whole
from tui_balancer.cli.help import COMMON
from tui_balancer.embedding.families.table import DEFAULT_MODEL, MODELS
from tui_balancer.embedding.settings import Long, PrecisionChoice
from tui_balancer.inputs.segments import SEGMENT_BYTES
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.representations import KINDS
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_batch_tokens
from tui_balancer.settings import AUTO_SHARD_BYTES

EMBEDDING = Group("Reading and embedding", sort_key=4)

_MIB = 1 << 20

_FORMATS = [f"{one.name} ({one.words})" if one.words else one.name for one in FORMATS.values()]

_KINDS = [f"{kind.name} ({kind.words})" for kind in KINDS.values()]

MOST_TOKENS = 1_000_000_000

MOST_LAYERS = 1000


@Parameter(name="*", group=EMBEDDING)
@dataclass(frozen=True)
class EmbeddingOptions:
    """What is read, and what decides the bytes of an output."""

    repr_layer: Annotated[int, COMMON, whole(-MOST_LAYERS, MOST_LAYERS)] = -1
    """Layer to keep, negative from the last."""

    repr_layers: str | None = None
    """Several layers, with commas between: 0,5,-1. Instead of --repr-layer."""

    include: Annotated[
        str,
        COMMON,
        Parameter(
            help="What to keep of each layer, one or several with commas between: "
            f"{', '.join(_KINDS[:-1])}, and {_KINDS[-1]}."
        ),
    ] = "mean"

    max_length: Annotated[int, whole(1, MOST_TOKENS)] = 1022
    """Residues that go through the model together; see --long for longer sequences."""

    long: Annotated[Long, COMMON] = "truncate"
    """Sequences longer than --max-length: truncate cuts them, window embeds them in overlapping
    windows and averages those, skip leaves them out. Each is counted and listed."""

    no_dereplication: Annotated[bool, flag()] = False
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

    reference: Annotated[bool, flag()] = False
    """Compute with fair-esm's own forward pass: slower, to compare a result with."""

    format: Annotated[
        str,
        COMMON,
        Parameter(
            help="What to write for each input, one or several with commas between: "
            f"{', '.join(_FORMATS)}. A table of the sequences, NAME_ESM.tsv, is always there too."
        ),
    ] = "virnucpro"

    merge: Annotated[bool, COMMON, flag()] = False
    """Also write one file for the whole run in each format. At its end: merged.h5 and the like,
    with merged.tsv."""

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

    allow_nucleotide: Annotated[bool, flag()] = False
    """Read files as protein that look like DNA or RNA."""

    strict: Annotated[bool, flag()] = False
    """Fail a file, instead of a warning, if a sequence in it looks like DNA or RNA, three-letter
    codes, secondary structure or words, or is its own id."""
