"""Estimated work of a file: the FLOPs of its forward passes."""

from __future__ import annotations


def forward_cost(layers: int, width: int, tokens: int, squared_tokens: int) -> float:
    """Return the FLOPs of a file's forward passes, `n·(24·d²·ΣL + 4·d·ΣL²)`.

    Per layer and token of a transformer of width d, the four attention projections are
    d × d matrices and the two feed-forward ones d × 4d: 4·d² + 8·d² = 12·d² multiplications
    with as many additions, hence 24·d². For a sequence of L tokens the scores Q·Kᵀ and the
    weighted sum of the values are L × L × d products each, hence 2·2·d·L². Softmax, GELU,
    layer norms and biases are left out: a few per cent in the smallest ESM-2, less in the
    others. So is the product Q·Kᵀ that predicted contacts take once more, 2·d·L² a layer: of
    300 tokens 7 % in the smallest ESM-2 and 2 % in that of 650M, for all files of a run alike;
    what long proteins take longer for it is learned like the rest. The sums run over the
    sequences, since padding depends on the batches and attention does not cross them (Kaplan
    et al. 2020, "Scaling laws for neural language models", section 2.1, count the same terms).

    Args:
        layers: Transformer layers, n.
        width: Embedding size, d.
        tokens: ΣL, the tokens of all sequences, begin and end tokens included.
        squared_tokens: ΣL² over the same sequences.
    """
    return float(layers * (24 * width**2 * tokens + 4 * width * squared_tokens))
