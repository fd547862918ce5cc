"""The forward passes that `forward` compares: each takes sequences and makes mean embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import esm
import torch

from tests.benchmarks.forward_contenders import Contender
from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import DTYPES, Embedder, prepare_torch
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_batch_tokens
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.task.prefetch import Prefetch

if TYPE_CHECKING:
    from transformers import EsmConfig

Work = Callable[[list[str]], None]
States = Callable[[torch.Tensor], torch.Tensor]

EXTRACT_TOKENS = 4096
"""Of a batch of `extract.py`, by default."""


def work_of(contender: Contender, loaded: LoadedModel, device: str) -> Work:
    """Return what embeds sequences as a contender does."""
    on_gpu = device != "cpu"
    if contender.forward == "packed":
        tokens = gpu_batch_tokens(loaded.shape) if on_gpu else CPU_BATCH_TOKENS
        return packed(contender, loaded, device if on_gpu else "cpu:0", tokens)
    make = {"extract": fair_esm, "transformers": transformers, "faesm": faesm}[contender.forward]
    tokens = gpu_batch_tokens(loaded.shape) if contender.large_batches else EXTRACT_TOKENS
    return padded(make(loaded, device, DTYPES[contender.precision]), loaded, device, tokens)


def packed(contender: Contender, loaded: LoadedModel, device: str, tokens: int) -> Work:
    """Return the loop of a worker: the planned batches through the packed forward pass."""
    prepare_torch(contender.threads)
    settings = EmbeddingSettings(batch_tokens=tokens, precision=contender.precision)
    flight = Prefetch(Embedder(loaded, device, settings), BusyClock())

    def run(texts: list[str]) -> None:
        plan = plan_batches([len(text) for text in texts], tokens, PROTEIN)
        batches = [[texts[index] for index in batch] for batch in plan]
        for number, batch in enumerate(batches):
            flight.have(*batches[number : number + 2])
            flight.embed(batch)

    return run


def padded(states_of: States, loaded: LoadedModel, device: str, tokens: int) -> Work:
    """Return the loop of fair-esm's `scripts/extract.py --include mean` on a forward pass."""

    def run(texts: list[str]) -> None:
        dataset = esm.FastaBatchedDataset([str(n) for n in range(len(texts))], texts)
        batches = dataset.get_batch_indices(tokens, extra_toks_per_seq=1)
        loader = torch.utils.data.DataLoader(
            dataset, collate_fn=loaded.alphabet.get_batch_converter(1022), batch_sampler=batches
        )
        with torch.no_grad():
            for _, strings, rows in loader:
                states = states_of(rows.to(device, non_blocking=True))
                means = [states[row, 1 : len(one) + 1].mean(0) for row, one in enumerate(strings)]
                torch.stack(means).cpu()

    return run


def fair_esm(loaded: LoadedModel, device: str, dtype: torch.dtype) -> States:
    """Return fair-esm's own forward pass, up to the last layer."""
    layer, model = loaded.shape.layers, loaded.model.to(device, dtype)
    # As in `extract.py`, whatever becomes of the representations afterwards.
    return lambda tokens: model(tokens, repr_layers=[layer])["representations"][layer].cpu()


def transformers(loaded: LoadedModel, device: str, dtype: torch.dtype) -> States:
    """Return Hugging Face's forward pass with torch's fused attention; weights at random."""
    from transformers import EsmModel

    with torch.device(device):
        model = EsmModel._from_config(
            config_of(loaded), attn_implementation="sdpa", add_pooling_layer=False
        )
    return hidden_states(model.eval().to(device, dtype), loaded)


def faesm(loaded: LoadedModel, device: str, dtype: torch.dtype) -> States:
    """Return faesm's forward pass without flash attention; weights at random."""
    from faesm.esm import FAEsmModel

    config = config_of(loaded)
    config.use_fa = False
    model = FAEsmModel(config, add_pooling_layer=False)
    return hidden_states(model.eval().to(device, dtype), loaded)


def hidden_states(model: torch.nn.Module, loaded: LoadedModel) -> States:
    """Return the last hidden states of a model with Hugging Face's interface."""
    padding = loaded.alphabet.padding_idx
    return lambda tokens: (
        model(input_ids=tokens, attention_mask=tokens != padding).last_hidden_state
    )


def config_of(loaded: LoadedModel) -> EsmConfig:
    """Return the architecture in Hugging Face's words."""
    from transformers import EsmConfig

    rotary = loaded.shape.family == "esm2"
    return EsmConfig(
        vocab_size=len(loaded.alphabet),
        mask_token_id=loaded.alphabet.mask_idx,
        pad_token_id=loaded.alphabet.padding_idx,
        hidden_size=loaded.shape.width,
        num_hidden_layers=loaded.shape.layers,
        num_attention_heads=loaded.shape.heads,
        intermediate_size=4 * loaded.shape.width,
        position_embedding_type="rotary" if rotary else "absolute",
        emb_layer_norm_before=not rotary,
        token_dropout=True,
    )
