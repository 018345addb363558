"""Records -> what people read; pure functions of records."""
