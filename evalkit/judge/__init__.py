"""The judge, a rubric over any backend: questions, replies, verdicts, what they cost."""
