"""Two runs beside each other: what they are, whether they may be compared, and what is kept."""
