"""The code of ESM-1, ESM-1b and ESM-1v, see `code.FamilyCode`."""

from tui_balancer.embedding.fairesm.rows import packed, reference
from tui_balancer.embedding.families.esm1.checkpoints import load, read, require

__all__ = ["load", "packed", "read", "reference", "require"]
