"""The compiled attention computes what the formula says, however lengths and widths fall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.attention import by_hand
from tests.support.compiler import require_compiler
from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.embedding.forward import compiled_attention
from tui_balancer.embedding.forward.compiled_attention import Library, attention_library
from tui_balancer.process import compiled as compiling
from tui_balancer.process.compiled import NotCompiled, compiled

torch.set_num_threads(1)

TOO_OLD = "torch's own attention is faster on this processor"
"""What attention.c says to a compiler for a processor whose vectors it does not take."""

WITHOUT_AVX512 = "-march=haswell"
"""For a processor with AVX2 that may have more."""


@pytest.fixture(params=["native", WITHOUT_AVX512], scope="module")
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        if request.param == WITHOUT_AVX512:
            if "avx2" not in compiling._processor():
                pytest.skip("a processor without AVX2")
            patch.setattr(compiling, "FOR_THIS_PROCESSOR", (WITHOUT_AVX512,))
        try:
            library = Library(compiled(compiled_attention._SOURCE))
        except NotCompiled as reason:
            if TOO_OLD not in str(reason):
                raise
            pytest.skip(TOO_OLD)
        yield library


def _attended(
    library: Library,
    states: list[torch.Tensor],
    lengths: list[int],
    bias: torch.Tensor | None = None,
    scale: float | None = None,
) -> torch.Tensor:
    bounds = torch.tensor((0, *lengths)).cumsum(0).int()
    query, key, value = states
    return library.attend(query, key, value, bounds, max(lengths), bias, scale)


def _states(lengths: list[int], heads: int, width: int, size: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths) + width)
    states = torch.randn(3, sum(lengths), heads, width, generator=generator)
    return list((size * states).unbind())


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=5),
    heads=st.integers(1, 3),
    width=st.sampled_from([2, 4, 10, 16, 24, 32, 64]),
)
def test_attention_equals_the_formula(
    library: Library, lengths: list[int], heads: int, width: int
) -> None:
    states = _states(lengths, heads, width)
    result = _attended(library, states, lengths)
    assert torch.allclose(result, by_hand(states, lengths), atol=5e-6)


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    heads=st.integers(1, 3),
    width=st.sampled_from([2, 10, 24, 64, 128]),
    farther=st.integers(0, 3),
    scale=st.sampled_from([None, 1.0, 0.3]),
)
def test_biased_attention_equals_the_formula(
    library: Library,
    lengths: list[int],
    heads: int,
    width: int,
    farther: int,
    scale: float | None,
) -> None:
    # Small queries and keys: without a scale, scores grow with the width.
    states = _states(lengths, heads, width, size=0.5)
    generator = torch.Generator().manual_seed(width)
    bias = 3 * torch.randn(heads, 2 * (max(lengths) + farther) - 1, generator=generator)
    result = _attended(library, states, lengths, bias, scale)
    assert torch.allclose(result, by_hand(states, lengths, bias, scale), atol=5e-6)


def test_attention_without_a_bias_has_the_bytes_of_one_that_is_zero(library: Library) -> None:
    lengths = [1, 70, 16, 33]
    states = _states(lengths, 3, 24)
    plain = _attended(library, states, lengths)
    assert torch.equal(plain, _attended(library, states, lengths, torch.zeros(3, 139), 24**-0.5))


@pytest.mark.parametrize("shape", [(1, 39), (2, 37)])
def test_a_bias_that_is_too_small_is_never_read(library: Library, shape: tuple[int, int]) -> None:
    with pytest.raises(AssertionError, match="for each"):
        _attended(library, _states([20], 2, 16), [20], torch.zeros(shape))


def test_scores_far_apart_neither_overflow_nor_vanish(library: Library) -> None:
    # Scores in the thousands: one token takes all, and the others' shares are below any float.
    states = _states([40, 33], 2, 16, size=60.0)
    result = _attended(library, states, [40, 33])
    assert torch.allclose(result, by_hand(states, [40, 33]), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_not_hidden(library: Library, number: float) -> None:
    states = _states([20, 20], 1, 16)
    states[0][5, 0, 3] = number
    result = _attended(library, states, [20, 20])
    assert result[5].isnan().all()
    assert result[:5].isfinite().all()
    assert result[6:].isfinite().all()


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_threads_change_no_byte(library: Library, threads: int) -> None:
    states = _states([30, 30, 7], 2, 16)
    alone = _attended(library, states, [30, 30, 7])
    torch.set_num_threads(threads)
    try:
        assert torch.equal(_attended(library, states, [30, 30, 7]), alone)
    finally:
        torch.set_num_threads(1)


def test_a_sequence_comes_out_the_same_whatever_is_beside_it(library: Library) -> None:
    states = _states([50, 21], 2, 24)
    for bias in (None, torch.linspace(-2, 1, 2 * 99).view(2, 99)):
        together = _attended(library, states, [50, 21], bias)
        alone = _attended(library, [one[50:].clone() for one in states], [21], bias)
        assert torch.equal(together[50:], alone)


@pytest.mark.parametrize("wrong", ["attend", "bias", "scale", "rotate"])
def test_a_library_that_errs_is_not_taken(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wrong: str,
) -> None:
    attend, rotate = Library.attend, Library.rotate

    def attend_wrongly(
        self: Library, *given: Any, bias: torch.Tensor | None = None, scale: float | None = None
    ) -> torch.Tensor:
        query, key, value, bounds, longest = given
        bias = None if wrong == "bias" else bias
        scale = None if wrong == "scale" else scale
        return attend(self, query, key, value, bounds, longest, bias, scale) / (
            2 if wrong == "attend" else 1
        )

    def rotate_half(self: Library, states: torch.Tensor, *given: torch.Tensor) -> None:
        positions, turns = given
        rotate(self, states[: len(states) // 2], positions, turns)

    if wrong == "rotate":
        monkeypatch.setattr(Library, "rotate", rotate_half)
    else:
        monkeypatch.setattr(Library, "attend", attend_wrongly)
    assert attention_library.__wrapped__() is None
    assert "errs here" in caplog.text


def test_without_a_compiler_the_log_says_what_is_slower(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(source: Path) -> None:
        raise NotCompiled("no C compiler: none of cc, gcc, clang is there")

    monkeypatch.setattr(compiled_attention, "compiled", none)
    assert attention_library.__wrapped__() is None
    assert "slower: no C compiler" in caplog.text
