"""The code of ESM-2, see `code.FamilyCode`."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.embedding.checkpoints.download import OnDownload
from tui_balancer.embedding.fairesm.regression import see_to_regression
from tui_balancer.embedding.fairesm.rows import packed, reference
from tui_balancer.embedding.families.esm2.checkpoints import load, read
from tui_balancer.embedding.families.requests import ModelRequest
from tui_balancer.embedding.models import ModelSource
from tui_balancer.representations import Kind

__all__ = ["load", "packed", "read", "reference", "require"]


def require(
    source: ModelSource,
    request: ModelRequest,
    kinds: Sequence[Kind],
    on_download: OnDownload | None,
    first_byte_seconds: float | None,
) -> None:
    """See `code.FamilyCode`: what is predicted from the attention takes a regression."""
    contacts = any(kind.source == "attention" for kind in kinds)
    if contacts:
        see_to_regression(source, request, read, on_download, first_byte_seconds)
