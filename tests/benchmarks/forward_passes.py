"""The forward passes that `forward` compares: each takes sequences and makes mean embeddings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import esm
import torch

from tests.benchmarks.forward_contenders import Contender
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import DTYPES, Embedder, prepare_torch
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.families.code import load
from tui_balancer.embedding.forward.products import (
    Linear,
    Products,
    PublicProducts,
    choose_products,
)
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.run.prepare.batch_size import CPU_BATCH_TOKENS, gpu_batch_tokens
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.task.prefetch import Prefetch

Work = Callable[[list[str]], None]
States = Callable[[torch.Tensor], torch.Tensor]

EXTRACT_TOKENS = 4096
"""Of a batch of `extract.py`, by default."""


def work_of(contender: Contender, source: ModelSource, scratch: Path, device: str) -> Work:
    """Return what embeds sequences as a contender does.

    Args:
        contender: The way to compute.
        source: An untrained model; transformers makes its own random weights.
        scratch: A folder in which processes share weights.
        device: `cpu`, or one of CUDA's.
    """
    on_gpu, dtype = device != "cpu", DTYPES[contender.precision]
    tokens = batch_tokens(contender, source.shape, device)
    if contender.forward == "packed":
        return packed(contender, source, scratch, device if on_gpu else "cpu:0", tokens)
    if contender.forward == "product":
        prepare_torch(contender.threads)
        return one_product(source.shape, torch.device(device), dtype, tokens)
    if contender.forward in ("transformers", "compiled"):
        compiled = contender.forward == "compiled"
        return transformers(source.shape, device, dtype, tokens, compiled=compiled)
    loaded = load(source, scratch)
    assert isinstance(loaded, LoadedModel), "fair-esm's"
    make = fair_esm if contender.forward == "extract" else faesm
    return extracted(make(loaded, device, dtype), loaded, device, tokens)


def batch_tokens(contender: Contender, shape: ModelShape, device: str) -> int:
    """Return the tokens of a contender's batches at most, padding included."""
    if contender.large_batches or contender.forward in ("packed", "product"):
        return gpu_batch_tokens(shape) if device != "cpu" else CPU_BATCH_TOKENS
    return EXTRACT_TOKENS


def batches_of(
    contender: Contender, shape: ModelShape, device: str, texts: Sequence[str]
) -> list[list[str]]:
    """Return sequences in the batches that a contender makes of them."""
    tokens = batch_tokens(contender, shape, device)
    if contender.forward != "extract":
        return batched(texts, tokens, shape)
    indices = fair_esm_dataset(texts).get_batch_indices(tokens, extra_toks_per_seq=1)
    return [[texts[index] for index in batch] for batch in indices]


def computed_tokens(
    contender: Contender, shape: ModelShape, batches: Sequence[Sequence[str]]
) -> int:
    """Return the tokens that a contender computes for its batches: those of padding too."""
    if contender.forward == "packed":
        return sum(shape.alphabet.tokens(len(text)) for batch in batches for text in batch)
    return sum(len(batch) * shape.alphabet.tokens(max(map(len, batch))) for batch in batches)


def packed(
    contender: Contender, source: ModelSource, scratch: Path, device: str, tokens: int
) -> Work:
    """Return the loop of a worker: the planned batches through the packed forward pass."""
    prepare_torch(contender.threads)
    settings = EmbeddingSettings(batch_tokens=tokens, precision=contender.precision)
    flight = Prefetch(Embedder(load(source, scratch), device, settings), BusyClock())

    def run(texts: list[str]) -> None:
        batches = batched(texts, tokens, source.shape)
        for number, batch in enumerate(batches):
            flight.have(*batches[number : number + 2])
            flight.embed(batch)

    return run


def one_product(shape: ModelShape, device: torch.device, dtype: torch.dtype, tokens: int) -> Work:
    """Return a loop over the feed-forward's first product, of as many FLOPs as a forward pass.

    The faster of torch's public product and ours computes.
    """
    inputs = torch.randn(tokens, shape.width).to(device, dtype)
    weight = torch.randn(4 * shape.width, shape.width).to(device, dtype)
    layer = Linear(weight, torch.zeros(len(weight), device=device, dtype=dtype))
    both = (PublicProducts(), choose_products(device, dtype))

    def seconds(products: Products, repeats: int) -> float:
        began = time.perf_counter()
        for _ in range(repeats):
            result = products.linear(inputs, layer)
        result[0, 0].item()
        return time.perf_counter() - began

    @torch.inference_mode()
    def run(texts: list[str]) -> None:
        faster = min(both, key=lambda products: seconds(products, 1))
        flops = sum(shape.sequence_flops(len(text)) for text in texts)
        seconds(faster, math.ceil(flops / (2 * inputs.numel() * len(weight))))

    return run


def batched(texts: Sequence[str], tokens: int, shape: ModelShape) -> list[list[str]]:
    """Return sequences in the batches of a run."""
    plan = plan_batches([len(text) for text in texts], tokens, shape.alphabet)
    return [[texts[index] for index in batch] for batch in plan]


def extracted(states_of: States, loaded: LoadedModel, device: str, tokens: int) -> Work:
    """Return the loop of fair-esm's `scripts/extract.py --include mean` on a forward pass."""

    def run(texts: list[str]) -> None:
        dataset = fair_esm_dataset(texts)
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


def fair_esm_dataset(texts: Sequence[str]) -> esm.FastaBatchedDataset:
    """Return sequences as `extract.py` reads them."""
    return esm.FastaBatchedDataset([str(n) for n in range(len(texts))], texts)


def fair_esm(loaded: LoadedModel, device: str, dtype: torch.dtype) -> States:
    """Return fair-esm's own forward pass, up to the last layer."""
    layer, model = loaded.shape.layers, loaded.model.to(device, dtype)
    # As in `extract.py`, whatever becomes of the representations afterwards.
    return lambda tokens: model(tokens, repr_layers=[layer])["representations"][layer].cpu()


def transformers(
    shape: ModelShape, device: str, dtype: torch.dtype, tokens: int, *, compiled: bool = False
) -> Work:
    """Return a loop over padded batches of like lengths, with torch's fused attention."""
    from tests.benchmarks.transformers_models import model_of, padded_tokens

    model = model_of(shape, device, dtype)
    if compiled:
        # For batches of all sizes at once; else each new one is compiled.
        model.compile(dynamic=True)

    def run(texts: list[str]) -> None:
        with torch.inference_mode():
            for batch in batched(texts, tokens, shape):
                rows, mask = (one.to(device) for one in padded_tokens(batch, shape))
                states = model(input_ids=rows, attention_mask=mask).last_hidden_state
                first = shape.alphabet.before
                kept = (slice(first, first + len(text)) for text in batch)
                means = [one[part].mean(0) for one, part in zip(states, kept, strict=True)]
                torch.stack(means).cpu()

    return run


def faesm(loaded: LoadedModel, device: str, dtype: torch.dtype) -> States:
    """Return faesm's forward pass without flash attention; weights at random."""
    from faesm.esm import FAEsmModel

    from tests.benchmarks.transformers_models import esm_config

    config = esm_config(loaded.shape)
    config.use_fa = False
    model = FAEsmModel(config, add_pooling_layer=False)
    return hidden_states(model.eval().to(device, dtype), loaded)


def hidden_states(model: torch.nn.Module, loaded: LoadedModel) -> States:
    """Return the last hidden states of a model with Hugging Face's interface."""
    padding = loaded.alphabet.padding_idx
    return lambda tokens: (
        model(input_ids=tokens, attention_mask=tokens != padding).last_hidden_state
    )
