"""Model cards: derived from run records, in blocks that can be derived again."""
