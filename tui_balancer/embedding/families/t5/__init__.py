"""Encoders of T5, Raffel et al. 2020, trained on proteins: ProtT5, ProstT5, Ankh."""
