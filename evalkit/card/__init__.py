"""Cards: what people read about a model, made of run records."""
