"""Runs as pages to look through: numbers, and samples with pictures, prompts and answers."""
