"""One file embedded as a script of one's own would: what other schedulers are given to share out.

python -m tests.benchmarks.embedding_task FASTA FOLDER
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import torch

from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.process.heap import keep_freed_memory
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS

NAME, SEED = "esm2_t6_8M_UR50D", 0
MODEL = f"untrained:{NAME}"


@cache
def embedder() -> Embedder:
    """Return the process's model, loaded at the first call."""
    keep_freed_memory()
    return load_embedder(resolve(UntrainedModel(NAME, SEED)), "cpu:0", 1, EmbeddingSettings())


def warm_up() -> None:
    """Load the model."""
    embedder()


def embed_file(path: Path, folder: Path) -> None:
    """Embed a file and write its vectors; the model stays for the next one."""
    records = read_fasta(path, ReadingRules()).records
    rows = torch.empty(len(records), embedder().shape.width)
    for batch in plan_batches([len(one.residues) for one in records], CPU_BATCH_TOKENS, PROTEIN):
        rows[list(batch)] = embedder().embed([records[row].residues for row in batch])
    content = {"proteins": [one.id for one in records], "data": list(rows)}
    torch.save(content, folder / f"{path.stem}_ESM.pt")


if __name__ == "__main__":
    embed_file(Path(sys.argv[1]), Path(sys.argv[2]))
