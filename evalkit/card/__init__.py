"""Model cards: what stands in them, derived from run records, in blocks that can be derived again."""
