"""Products by units for bfloat16 are as exact as those in float32, whatever the shapes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.support.compiler import require_compiler
from tui_balancer.embedding.forward import split_products
from tui_balancer.embedding.forward.activations import PUBLIC, Activation
from tui_balancer.embedding.forward.split_products import SplitLibrary, split_library
from tui_balancer.process.compiled import NotCompiled, compiled

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def library() -> SplitLibrary:
    if not split_products._has_units():
        pytest.skip("a processor without AMX")
    require_compiler()
    return SplitLibrary(compiled(split_products._SOURCE))


def numbers(*shape: int, size: float = 1.0, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * size


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 70),
    inner=st.sampled_from([1, 16, 31, 33, 320, 1279, 1280, 1281, 2600]),
    columns=st.integers(1, 300),
    joined=st.sets(st.sampled_from(["bias", "added", "times"])),
    size=st.sampled_from([1.0, 1e-15, 1e15]),
    seed=st.integers(0, 1),
)
def test_a_product_equals_double_precision(
    library: SplitLibrary,
    rows: int,
    inner: int,
    columns: int,
    joined: set[str],
    size: float,
    seed: int,
) -> None:
    inputs, weight = numbers(rows, inner, size=size), numbers(columns, inner, seed=seed)
    others = {
        "bias": numbers(columns, size=size),
        "added": numbers(rows, columns, size=size),
        "times": numbers(rows, columns + 1)[:, :columns],
    }
    given = {name: others[name] for name in joined}
    doubles = {name: other.double() for name, other in given.items()}
    bias, added, times = (doubles.get(name, torch.zeros(())) for name in ("bias", "added", "times"))
    exact = inputs.double() @ weight.double().T + bias + added
    most = inputs.double().abs() @ weight.double().abs().T + bias.abs() + added.abs()
    if "times" in joined:
        exact, most = exact * times, most * times.abs()
    result = library.product(
        inputs, weight, given.get("bias"), given.get("added"), given.get("times")
    )
    # What float32 rounds to is 2^-24 of a number; a sum of many is rounded more than once. Where
    # all of them are positive, as those of equal rows are, torch's own errs by more than 2^-21.
    assert ((result - exact).abs() <= most * 2**-21).all()


@pytest.mark.parametrize("inner", [320, 1280, 5120])
def test_a_product_is_more_exact_than_that_of_float32(library: SplitLibrary, inner: int) -> None:
    inputs, weight = numbers(64, inner), numbers(64, inner, seed=1)
    for left, right in ((inputs, weight), (inputs.abs(), weight.abs())):
        exact = left.double() @ right.double().T
        ours = (library.product(left, right) - exact).norm()
        assert ours < (functional.linear(left, right) - exact).norm()


def test_how_a_product_is_shared_out_changes_no_byte(
    library: SplitLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, weight, added = numbers(200, 1400), numbers(300, 1400), numbers(200, 300)
    expected = library.product(inputs, weight, added=added)
    monkeypatch.setattr(split_products, "_ROWS", 70)
    assert torch.equal(library.product(inputs, weight, added=added), expected)
    torch.set_num_threads(3)
    try:
        assert torch.equal(library.product(inputs, weight, added=added), expected)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("activation", PUBLIC)
def test_an_activation_errs_no_more_than_torchs(
    library: SplitLibrary, activation: Activation
) -> None:
    wanted = torch.linspace(-12, 12, 40_000).view(100, 400)
    wanted[0, :4] = torch.tensor([0.0, -0.0, -200.0, 200.0])
    # The result of a product with 0 is what is added.
    place = numbers(100, 32) * 0, numbers(400, 32)
    result = library.product(*place, added=wanted, activation=activation)
    exact = PUBLIC[activation](wanted.double())
    theirs = (PUBLIC[activation](wanted) - exact).abs()
    assert (result - exact).abs().max() <= max(theirs.max(), torch.tensor(1e-6))
    times = numbers(100, 400)
    product = library.product(*place, added=wanted, times=times, activation=activation)
    assert torch.equal(product, result * times)


@pytest.mark.parametrize("activation", PUBLIC)
def test_an_activation_of_what_is_no_number_is_none(
    library: SplitLibrary, activation: Activation
) -> None:
    added = numbers(40, 48)
    added[7, 3] = torch.nan
    result = library.product(numbers(40, 64), numbers(48, 64), added=added, activation=activation)
    assert result.isnan().nonzero().tolist() == [[7, 3]]


def test_a_number_that_is_none_stays_in_its_row(library: SplitLibrary) -> None:
    inputs, weight = numbers(40, 64), numbers(48, 64)
    inputs[7, 3] = torch.nan
    inputs[9, 60] = torch.inf
    finite = library.product(inputs, weight).isfinite()
    assert not finite[[7, 9]].any()
    assert finite.sum() == 38 * 48


def test_no_rows_have_no_product(library: SplitLibrary) -> None:
    assert library.product(numbers(0, 64), numbers(48, 64)).shape == (0, 48)


def test_a_processor_without_units_compiles_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text("flags : fpu avx512f avx512_bf16 amx_tile\n")
    monkeypatch.setattr(split_products, "_PROCESSOR", processor)
    monkeypatch.setattr(split_products, "compiled", pytest.fail)
    assert split_library.__wrapped__() is None
    monkeypatch.setattr(split_products, "_PROCESSOR", tmp_path / "no such file")
    assert split_library.__wrapped__() is None
    assert not caplog.records


def not_compiled(source: Path) -> None:
    raise NotCompiled("no C compiler: none of cc, gcc, clang is there")


def not_allowed(source: Path) -> SimpleNamespace:
    return SimpleNamespace(allow=lambda: -1)


@pytest.mark.parametrize(
    ("compiling", "reason"), [(not_compiled, "no C compiler"), (not_allowed, "does not allow")]
)
def test_units_that_cannot_be_used_are_a_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    compiling: object,
    reason: str,
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text("flags : fpu amx_bf16 avx512_fp16 amx_tile\n")
    monkeypatch.setattr(split_products, "_PROCESSOR", processor)
    monkeypatch.setattr(split_products, "compiled", compiling)
    assert split_library.__wrapped__() is None
    assert reason in caplog.text
