"""Sequences in, one vector per sequence out: the forward pass, the layer and the pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tui_balancer.embedding.checkpoints import LoadedModel, load
from tui_balancer.embedding.registry import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, resolve_layer


class Embedder:
    """A loaded model on one device, with the settings that decide its vectors.

    Attributes:
        shape: The model's architecture.
        sha256: Of its weights, see `checkpoints.LoadedModel`.
        layer: The layer whose representations are pooled, from 0 (the embedded tokens) to
            the number of layers (the last, after the final layer norm).
    """

    def __init__(self, loaded: LoadedModel, device: str, settings: EmbeddingSettings) -> None:
        self.shape = loaded.shape
        self.sha256 = loaded.sha256
        self.layer = resolve_layer(settings.repr_layer, loaded.shape.layers)
        self._device = torch_device(device)
        self._model = loaded.model.to(self._device)
        self._tokenise = loaded.alphabet.get_batch_converter()

    def embed(self, sequences: Sequence[str]) -> torch.Tensor:
        """Return the mean of the chosen layer over the residues of each sequence.

        Args:
            sequences: One batch: non-empty sequences of the alphabet's letters, already cut
                at the maximum length.

        Returns:
            float32 on the CPU, of shape (sequences, width), in the order of the sequences.
        """
        if not sequences:
            return torch.empty(0, self.shape.width)
        _, _, tokens = self._tokenise([("", sequence) for sequence in sequences])
        with torch.inference_mode():
            result = self._model(tokens.to(self._device), repr_layers=[self.layer])
            states = result["representations"][self.layer]
            # BOS stands at 0, the residues at 1 to L, then EOS and padding.
            means = [
                states[row, 1 : len(sequence) + 1].mean(0) for row, sequence in enumerate(sequences)
            ]
            return torch.stack(means).cpu()


def load_embedder(
    source: ModelSource, device: str, threads: int, settings: EmbeddingSettings
) -> Embedder:
    """Load a model onto a device, in a process that has only this to do.

    Args:
        source: The model.
        device: As the run names it: `cuda:0`, `mps`, `cpu:0`.
        threads: CPU threads that torch computes with from now on.
        settings: What decides the vectors.

    Raises:
        UserError: The model cannot be loaded, or has no such layer.
    """
    torch.set_num_threads(threads)
    return Embedder(load(source), device, settings)


def torch_device(device: str) -> torch.device:
    """Return torch's device; `cpu:0`, `cpu:1` … are workers on one and the same."""
    return torch.device("cpu" if device.startswith("cpu") else device)
