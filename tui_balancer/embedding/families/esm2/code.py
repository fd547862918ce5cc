"""The code of ESM-2, see `code.FamilyCode`."""

from tui_balancer.embedding.fairesm.rows import packed, reference
from tui_balancer.embedding.families.esm2.checkpoints import load, read, require

__all__ = ["load", "packed", "read", "reference", "require"]
