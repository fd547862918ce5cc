"""What an output says about its own making: enough to repeat it. Imports no torch.

Nothing here depends on when, where or at which attempt the output was made, so that equal
vectors make equal files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from tui_balancer import __version__

FORMAT_VERSION = 1
POOLING = "mean over residues, BOS and EOS excluded"

MetadataValue = str | int | bool | list[str]


def provenance(
    *,
    model: str,
    untrained: bool,
    weights_sha256: str,
    layer: int,
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
) -> dict[str, MetadataValue]:
    """Return an output's metadata, its keys in alphabetical order.

    Args:
        model: The label, which says so when the weights are random.
        untrained: Whether they are.
        weights_sha256: Of the checkpoint, or of the seeded parameters.
        layer: The pooled layer, counted from 0.
        max_length: Residues kept of a sequence.
        batch_tokens: Padded tokens of a batch, at most; decides the last bits of a vector.
        cpu_threads: Threads that computed; decides them too.
        torch_version: Of the torch that computed.
        input_name: The FASTA file's name without its folders.
        input_sha256: Of its bytes.
        sequences: Vectors in the output.
        truncated_ids: Ids of the sequences that were cut at `max_length`.
        replaced: Residues read as X.
        skipped: Empty sequences left out.
        precision: Number format of the products in the forward pass: fp32, bf16 or fp16.
        forward: Which forward pass computed, `packed` or `fair-esm`.
        failed_ids: Ids of the sequences that are missing: they did not fit into memory.
        split_batches: Batches computed in parts for want of memory, which may change the last
            bits of their vectors; everything else does not depend on chance.
    """
    return {
        "batch_tokens": batch_tokens,
        "cpu_threads": cpu_threads,
        "failed_ids": list(failed_ids),
        "format_version": FORMAT_VERSION,
        "forward": forward,
        # Not all names are UTF-8, and not all formats take such a one.
        "input_name": os.fsencode(input_name).decode(errors="backslashreplace"),
        "input_sha256": input_sha256,
        "layer": layer,
        "max_length": max_length,
        "model": model,
        "pooling": POOLING,
        "precision": precision,
        "program": "tui-balancer",
        "program_version": __version__,
        "replaced": replaced,
        "sequences": sequences,
        "skipped": skipped,
        "split_batches": split_batches,
        "torch_version": torch_version,
        "truncated": len(truncated_ids),
        "truncated_ids": list(truncated_ids),
        "untrained": untrained,
        "weights_sha256": weights_sha256,
    }
