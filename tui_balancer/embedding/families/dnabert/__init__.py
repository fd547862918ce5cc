"""DNABERT-2 and DNABERT-S, Zhou et al. 2023 and 2024: MosaicBERT over nucleotides."""
