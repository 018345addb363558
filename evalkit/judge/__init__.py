"""The judge: a rubric asked of any backend, and what it answered kept so that it is asked once."""
