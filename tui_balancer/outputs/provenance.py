"""What an output says about its own making: enough to repeat it. Imports no torch.

Nothing here depends on when, where or at which attempt the output was made, so that equal
vectors make equal files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import chain

from tui_balancer import __version__

FORMAT_VERSION = 1
POOLING = "mean over residues, BOS and EOS excluded"
WINDOWED_POOLING = f"{POOLING}; over windows weighted by their lengths"

_COUNTS = frozenset({"replaced", "sequences", "skipped", "split_batches", "truncated", "windowed"})
_IDS = frozenset({"failed_ids", "skipped_ids", "truncated_ids"})

MetadataValue = str | int | bool | list[str] | list[int]


def provenance(
    *,
    model: str,
    untrained: bool,
    weights_sha256: str,
    layers: Sequence[int],
    max_length: int,
    batch_tokens: int,
    cpu_threads: int,
    torch_version: str,
    input_name: str,
    input_sha256: str,
    sequences: int,
    truncated_ids: Sequence[str] = (),
    replaced: int = 0,
    skipped: int = 0,
    precision: str = "fp32",
    forward: str = "packed",
    failed_ids: Sequence[str] = (),
    split_batches: int = 0,
    include: Sequence[str] = ("mean",),
    long: str = "truncate",
    windowed: int = 0,
    skipped_ids: Sequence[str] = (),
    dereplicated: bool = True,
) -> dict[str, MetadataValue]:
    """Return an output's metadata, its keys in alphabetical order.

    Args:
        model: The label, which says so when the weights are random.
        untrained: Whether they are.
        weights_sha256: Of the checkpoint, or of the seeded parameters.
        layers: Whose representations are kept, counted from 0.
        max_length: Residues that went through the model together.
        batch_tokens: Padded tokens of a batch, at most; decides the last bits of a vector.
        cpu_threads: Threads that computed; decides them too.
        torch_version: Of the torch that computed.
        input_name: The FASTA file's name without its folders.
        input_sha256: Of its bytes.
        sequences: Vectors in the output.
        truncated_ids: Ids of the sequences that were cut at `max_length`.
        replaced: Residues read as X.
        skipped: Sequences left out, as empty or too long.
        precision: Number format of the products in the forward pass: fp32, bf16 or fp16.
        forward: Which forward pass computed, `packed` or `fair-esm`.
        failed_ids: Ids of the sequences that are missing: they did not fit into memory.
        split_batches: Batches computed in parts for want of memory, which may change the last
            bits of their vectors; everything else does not depend on chance.
        include: What is kept of the layers.
        long: What was done with sequences longer than `max_length`.
        windowed: How many of them were embedded in windows.
        skipped_ids: Those that were left out for their length.
        dereplicated: Whether copies of a sequence were computed once; decides batches, and so the
            last bits of a vector.
    """
    return {
        "batch_tokens": batch_tokens,
        "cpu_threads": cpu_threads,
        "dereplicated": dereplicated,
        "failed_ids": list(failed_ids),
        "format_version": FORMAT_VERSION,
        "forward": forward,
        "include": list(include),
        "input_name": utf8_name(input_name),
        "input_sha256": input_sha256,
        # The usual case, for readers that know no other.
        **({"layer": layers[0]} if len(layers) == 1 else {}),
        "layers": list(layers),
        "long": long,
        "max_length": max_length,
        "model": model,
        "pooling": WINDOWED_POOLING if long == "window" else POOLING,
        "precision": precision,
        "program": "tui-balancer",
        "program_version": __version__,
        "replaced": replaced,
        "sequences": sequences,
        "skipped": skipped,
        "skipped_ids": list(skipped_ids),
        "split_batches": split_batches,
        "torch_version": torch_version,
        "truncated": len(truncated_ids),
        "truncated_ids": list(truncated_ids),
        "untrained": untrained,
        "weights_sha256": weights_sha256,
        "windowed": windowed,
    }


def utf8_name(name: str) -> str:
    """Return a file's name as every format takes it: a byte that is not UTF-8 becomes `\\xff`."""
    return os.fsencode(name).decode(errors="backslashreplace")


def joined_provenance(
    shards: Sequence[Mapping[str, MetadataValue]], input_sha256: str, names: Mapping[str, str]
) -> dict[str, MetadataValue]:
    """Return the metadata of an output that is made of shards.

    Args:
        shards: Metadata of each.
        input_sha256: Of the whole input.
        names: What the ids in the shards' lists are called in the output.
    """
    joined: dict[str, MetadataValue] = {}
    for name, value in shards[0].items():
        values = [shard[name] for shard in shards]
        if name in _COUNTS:
            joined[name] = sum(one for one in values if isinstance(one, int))
        elif name in _IDS:
            lists = (one for one in values if isinstance(one, list))
            joined[name] = [names[str(one)] for one in chain.from_iterable(lists)]
        else:
            joined[name] = value
    return joined | {"input_sha256": input_sha256}
