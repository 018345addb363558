"""Text -> answer: one module per official normaliser, each with its source.

A module here parses what a model wrote exactly as the official evaluator does, oddities included.
Whether the answer is right is a task's business. Only the standard library is needed.
"""
