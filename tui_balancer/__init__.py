"""ESM-2 embeddings of many protein FASTA files, balanced over every device of a machine."""

__version__ = "0.1.0"
