"""Judges: models that read what other models answered, and what their replies make of a score."""
