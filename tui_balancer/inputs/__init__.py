"""Finding FASTA files, reading them with Biopython, cleaning residues, counting."""
