"""Two runs beside each other: what they are, whether they may be compared, by how much they differ."""
