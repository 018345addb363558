"""Two runs beside each other: whether they may be compared, and by how much they differ."""
