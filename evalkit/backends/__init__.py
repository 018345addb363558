"""Models that answer: the interface, and one module for each kind."""
