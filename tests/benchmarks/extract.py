"""fair-esm's `scripts/extract.py --include mean` as a process: the whole program's peer.

    python -m tests.benchmarks.extract CHECKPOINT FASTA FOLDER

The script is in fair-esm's source repository only. Like it, this reads the FASTA file, batches by
4,096 padded tokens, truncates at 1,022 residues and saves one file a sequence. It reads the
checkpoint as newer versions of torch want it, which is all that differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import esm
import torch


def main(checkpoint: Path, fasta: Path, folder: Path) -> None:
    with torch.serialization.safe_globals([argparse.Namespace]):
        data = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model, alphabet = esm.pretrained.load_model_and_alphabet_core(checkpoint.stem, data, None)
    model.eval()
    dataset = esm.FastaBatchedDataset.from_file(fasta)
    batches = dataset.get_batch_indices(4096, extra_toks_per_seq=1)
    loader = torch.utils.data.DataLoader(
        dataset, collate_fn=alphabet.get_batch_converter(1022), batch_sampler=batches
    )
    folder.mkdir(parents=True, exist_ok=True)
    layer = model.num_layers
    with torch.no_grad():
        for labels, strings, tokens in loader:
            states = model(tokens, repr_layers=[layer])["representations"][layer]
            for row, label in enumerate(labels):
                length = min(1022, len(strings[row]))
                mean = states[row, 1 : length + 1].mean(0).clone()
                result = {"label": label, "mean_representations": {layer: mean}}
                torch.save(result, folder / f"{label.split()[0].replace('|', '_')}.pt")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
