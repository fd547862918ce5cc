"""The metadata of vectors, in outputs and partial results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import torch

from tui_balancer import __version__
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.outputs.provenance import MetadataValue, utf8_name
from tui_balancer.workers.task.read_ahead import ReadFile
from tui_balancer.workers.wire.config import WorkerSetup

FORMAT_VERSION = 1
WINDOWED = "; over windows weighted by their lengths"
"""What the pooling of windows adds to the family's."""


def origin(setup: WorkerSetup, embedder: Embedder, files: Iterable[ReadFile]) -> dict[str, object]:
    """Return everything that determines a unit's vectors: batches with other values are unusable.

    Args:
        embedder: The model on its device.
        files: Files of the unit, in order; unreadable ones have no effect.
    """
    return {
        "files": [
            file_provenance(setup, embedder, file) for file in files if file.content is not None
        ],
        "settings": asdict(setup.settings),
        "threads": setup.threads,
    }


def file_provenance(
    setup: WorkerSetup,
    embedder: Embedder,
    read: ReadFile,
    failed_ids: Sequence[str] = (),
    split_batches: int = 0,
    from_store: int = 0,
) -> dict[str, MetadataValue]:
    """Return the metadata of a file's output, its keys in alphabetical order.

    `from_store` counts sequences whose vectors an earlier run has computed, in other batches.
    `batch_tokens`, `cpu_threads`, `dereplicated` (copies were computed once) and `split_batches`
    decide the last bits of a vector; of them only the last depends on chance. `replaced` counts
    residues read as unknown, `skipped` sequences left out as empty or too long, `truncated` those
    cut at `max_length` residues, the limit of one forward pass, and `windowed` those embedded in
    windows of that length. Layers are counted from 0. `weights_sha256` is that of the checkpoint,
    or of the seeded parameters.

    Args:
        embedder: The model on its device.
        read: The readable file.
        failed_ids: Its sequences that did not fit into memory.
        split_batches: Number of batches with its sequences that were computed in parts.
        from_store: Number of its sequences whose vectors an earlier run has stored.
    """
    content, layers = read.content, embedder.kept.layers
    assert content is not None, "only what could be read has an output"
    shape = setup.model.shape
    windowed = WINDOWED if setup.settings.long == "window" else ""
    settings = setup.settings
    truncated_ids = [record.id for record in content.records if record.truncated]
    return {
        "alphabet": shape.alphabet.name,
        "batch_tokens": settings.batch_tokens,
        "cpu_threads": setup.threads,
        "dereplicated": settings.dereplicate,
        "failed_ids": list(failed_ids),
        "format_version": FORMAT_VERSION,
        "forward": settings.forward,
        # An output without them has the same bytes as that of a run without a store.
        **({"from_store": from_store} if from_store else {}),
        "include": list(embedder.kept.names),
        "input_name": utf8_name(read.task.source.name),
        "input_sha256": content.sha256,
        # The default case, for readers that support no other.
        **({"layer": layers[0]} if len(layers) == 1 else {}),
        "layers": list(layers),
        "long": settings.long,
        "max_length": settings.max_length,
        "model": setup.model.label,
        "pooling": f"{FAMILIES[shape.family].pooling}{windowed}",
        "precision": settings.precision,
        "program": "tui-balancer",
        "program_version": __version__,
        "replaced": sum(record.replaced for record in content.records),
        "sequences": len(content.records) - len(failed_ids),
        "skipped": len(content.left_out),
        "skipped_ids": [record.id for record in content.left_out if record.length],
        "split_batches": split_batches,
        "torch_version": str(torch.__version__),
        "truncated": len(truncated_ids),
        "truncated_ids": truncated_ids,
        "untrained": setup.model.untrained,
        "weights_sha256": embedder.sha256,
        "windowed": sum(len(one.residues) > setup.reading.max_length for one in content.records),
    }
