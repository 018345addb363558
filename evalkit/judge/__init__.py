"""Judges: models that grade answers, and what is known of how well they do it."""
