"""The options for reading, embedding and writing."""

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
    """Options for inputs, and all that determine the bytes of an output."""

    repr_layer: Annotated[int, COMMON, whole(-MOST_LAYERS, MOST_LAYERS)] = -1
    """Layer to keep, negative from the end."""

    repr_layers: str | None = None
    """Several layers, separated by commas: 0,5,-1. Instead of --repr-layer."""

    include: Annotated[
        str,
        COMMON,
        Parameter(
            help="What to keep of each layer, one or several separated by commas: "
            f"{', '.join(_KINDS[:-1])}, and {_KINDS[-1]}."
        ),
    ] = "mean"

    max_length: Annotated[int | None, whole(1, MOST_TOKENS)] = None
    """Maximum residues in one forward pass (default: from the model); see --long for longer
    sequences."""

    long: Annotated[Long, COMMON] = "truncate"
    """Sequences longer than --max-length: truncate cuts them, window averages overlapping
    windows, skip leaves them out. Each is counted and listed."""

    no_dereplication: Annotated[bool, flag()] = False
    """Compute repeated sequences each time instead of once."""

    store: str | None = None
    """Folder of vectors that runs share: a sequence that an earlier run with this folder has
    embedded, with the same model, settings and kind of device, is not computed again. For mean
    and bos. See `tui-balancer store`."""

    batch_tokens: Annotated[
        int | None,
        whole(
            1,
            MOST_TOKENS,
            help="Maximum padded tokens per batch; fewer need less memory (default: "
            f"{CPU_BATCH_TOKENS} if the CPU is used, otherwise chosen for the model and the "
            f"smallest GPU: {gpu_batch_tokens(MODELS[DEFAULT_MODEL])} for {DEFAULT_MODEL} "
            "where memory allows).",
        ),
    ] = None

    precision: PrecisionChoice = "auto"
    """Number format of the matrix products, the same for all devices. auto: fp32 if the CPU or
    MPS is used, else bf16 if all GPUs support it, else fp16. Everything else is fp32."""

    reference: Annotated[bool, flag()] = False
    """Use fair-esm's own forward pass (for its models): slower, for comparison."""

    format: Annotated[
        str,
        COMMON,
        Parameter(
            help="What to write for each input, one or several separated by commas: "
            f"{', '.join(_FORMATS)}. A table of the sequences, NAME_ESM.tsv, is always written."
        ),
    ] = "virnucpro"

    merge: Annotated[bool, COMMON, flag()] = False
    """Also write one file for the whole run in each format. They appear at the end: merged.h5 and
    the like, with merged.tsv."""

    shard: Annotated[
        str,
        Parameter(
            help="Divide large files at the scan into shards that are queued, stolen and moved "
            "like files, each read from its own offset: auto (those over "
            f"{AUTO_SHARD_BYTES // _MIB} MiB), off, or the size of a shard, e.g. 64MB "
            f"({SEGMENT_BYTES // _MIB} MiB or more). Outputs are the same either way. Compressed "
            "files stay whole."
        ),
    ] = "auto"

    allow_nucleotide: Annotated[bool, flag()] = False
    """Accept files that look like DNA or RNA as protein."""

    strict: Annotated[bool, flag()] = False
    """Fail a file, instead of warning, if a sequence in it looks like DNA or RNA, three-letter
    codes, secondary structure or words, or equals its id."""
