"""Measures how fast one device embeds, in its own process. Imports torch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from tui_balancer.alphabets import Alphabet
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import CPU
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import DTYPES, Embedder, prepare_torch, torch_device
from tui_balancer.embedding.families.code import load
from tui_balancer.embedding.forward.products import Linear, PublicProducts, choose_products
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.workers.benchmark.messages import (
    BUCKETS,
    BenchmarkTask,
    LengthBucket,
    Measurement,
)
from tui_balancer.workers.process.card import use_device

SEED = 0
AMINO_ACIDS = "LAGVSERTIDPKQNFYMHWC"
BASES = "ACGT"

PROBED_WIDTH, PROBED_TOKENS, PROBED_SECONDS = 320, 256, 0.2
"""The measurement of a number format's speed: the smallest model's product, a moment each."""

Clock = Callable[[], float]


def measure(
    task: BenchmarkTask, begin: Callable[[], None], clock: Clock = time.perf_counter
) -> Iterator[Measurement]:
    """Yield a measurement of each number format and each bucket of lengths.

    Args:
        task: What to measure.
        begin: Called once the model is loaded; returns when all devices are ready.
        clock: Returns seconds.

    Raises:
        UserError: The model cannot be loaded.
    """
    prepare_torch(task.threads)
    use_device(task.local_device, task.memory_share)
    loaded = load(task.model)
    begin()
    for precision in task.precisions:
        settings = EmbeddingSettings(batch_tokens=task.batch_tokens, precision=precision)
        embedder = Embedder(loaded, task.local_device, settings)
        ceiling = product_rate(
            torch_device(task.local_device),
            precision,
            (task.batch_tokens, loaded.shape.width),
            task.seconds / 2,
            clock,
        )
        for bucket in BUCKETS:
            batch = made_up_batch(bucket, task.batch_tokens, loaded.shape.alphabet)
            rate = _batches_per_second(embedder, batch, task.seconds, clock)
            flops = sum(loaded.shape.sequence_flops(len(one)) for one in batch)
            yield Measurement(
                device=task.device,
                precision=precision,
                bucket=bucket,
                residues_per_second=rate * sum(map(len, batch)),
                flops_per_second=rate * flops,
                ceiling=ceiling,
            )


def made_up_batch(bucket: LengthBucket, batch_tokens: int, alphabet: Alphabet) -> list[str]:
    """Return the middle batch of a file of made-up sequences."""
    rng = random.Random(SEED)
    letters = BASES if alphabet.nucleotides else AMINO_ACIDS
    count = 1 + 4 * batch_tokens * alphabet.token_letters // bucket.shortest
    lengths = [rng.randint(bucket.shortest, bucket.longest) for _ in range(count)]
    batches = plan_batches(lengths, batch_tokens, alphabet)
    middle = batches[len(batches) // 2]
    return ["".join(rng.choices(letters, k=lengths[number])) for number in middle]


def _batches_per_second(
    embedder: Embedder, batch: Sequence[str], seconds: float, clock: Clock
) -> float:
    """Embed a batch repeatedly, for at least this long."""
    # One-time work, such as choosing kernels, does not count.
    embedder.embed(batch[:1])
    done, passed, started = 0, 0.0, clock()
    while passed < seconds:
        embedder.embed(batch)
        done += 1
        passed = clock() - started
    return done / passed


def with_relative_speed(
    devices: Sequence[DeviceInfo], precision: Precision, clock: Clock = time.perf_counter
) -> tuple[DeviceInfo, ...]:
    """Return devices with the CPU's relative speed in a number format, on one thread.

    CPUs without a unit for half precision take several times as long as in float32.
    """
    prepare_torch(threads=1)
    shape, cpu = (PROBED_TOKENS, PROBED_WIDTH), torch.device(CPU)
    half, full = (
        product_rate(cpu, one, shape, PROBED_SECONDS, clock) for one in (precision, "fp32")
    )
    return tuple(
        replace(one, relative_speed=half / full) if one.device == CPU else one for one in devices
    )


@torch.inference_mode()
def product_rate(
    device: torch.device,
    precision: Precision,
    shape: tuple[int, int],
    seconds: float,
    clock: Clock,
) -> float:
    """Return the FLOP/s of the feed-forward's first product, for a whole batch of tokens.

    It is the largest of a layer, close to the device's peak for matrix products, which no
    forward pass exceeds. The faster of torch's public product and ours counts.

    Args:
        device: Where to compute.
        precision: The number format.
        shape: Tokens of the batch, and the model's width.
        seconds: How long to measure.
        clock: Returns seconds.
    """
    dtype, width = DTYPES[precision], shape[1]
    inputs = torch.randn(shape).to(device, dtype)
    weight = torch.randn(4 * width, width).to(device, dtype)
    layer = Linear(weight, torch.zeros(4 * width, device=device, dtype=dtype))
    flops = 2.0 * inputs.numel() * len(weight)
    best = 0.0
    for products in (PublicProducts(), choose_products(device, dtype)):
        done, passed = 0, 0.0
        _finished(products.linear(inputs, layer))
        started = clock()
        while passed < seconds / 2:
            for _ in range(4):
                result = products.linear(inputs, layer)
            _finished(result)
            done += 4
            passed = clock() - started
        best = max(best, done * flops / passed)
    return best


def _finished(result: torch.Tensor) -> None:
    """Wait until a device has computed a result and everything before it."""
    result[0, 0].item()
