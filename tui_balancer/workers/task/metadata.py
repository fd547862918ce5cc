"""What a worker says about the making of its vectors: in an output, and in a partial result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import torch

from tui_balancer.embedding.embedder import Embedder
from tui_balancer.outputs.provenance import MetadataValue, provenance
from tui_balancer.workers.task.read_ahead import ReadFile
from tui_balancer.workers.wire.config import WorkerSetup


def origin(setup: WorkerSetup, embedder: Embedder, files: Iterable[ReadFile]) -> dict[str, object]:
    """Return all that decides a unit's vectors: batches of another origin are of no use to it.

    Args:
        setup: What the worker was given.
        embedder: The model on its device.
        files: Those of the unit, in their order; what could not be read decides nothing.
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
) -> dict[str, MetadataValue]:
    """Return the metadata of a file's output, see `outputs.provenance.provenance`.

    Args:
        setup: What the worker was given.
        embedder: The model on its device.
        read: The file, which could be read.
        failed_ids: Its sequences that did not fit into memory.
        split_batches: Batches with some of its sequences that were computed in parts.
    """
    content, kept = read.content, embedder.kept
    assert content is not None, "only what could be read has an output"
    return provenance(
        model=setup.model.label,
        untrained=setup.model.untrained,
        weights_sha256=embedder.sha256,
        layers=kept.layers,
        max_length=setup.settings.max_length,
        batch_tokens=setup.settings.batch_tokens,
        cpu_threads=setup.threads,
        torch_version=str(torch.__version__),
        input_name=read.task.source.name,
        input_sha256=content.sha256,
        sequences=len(content.records) - len(failed_ids),
        truncated_ids=[record.id for record in content.records if record.truncated],
        replaced=sum(record.replaced for record in content.records),
        skipped=len(content.left_out),
        precision=setup.settings.precision,
        forward=setup.settings.forward,
        failed_ids=failed_ids,
        split_batches=split_batches,
        include=kept.names,
        long=setup.settings.long,
        windowed=sum(len(one.residues) > setup.reading.max_length for one in content.records),
        skipped_ids=[record.id for record in content.left_out if record.length],
        dereplicated=setup.settings.dereplicate,
    )
