"""Prediction files -> answers: one module per way in which people publish what a model wrote."""

from evalkit.answer_files.detect import FORMATS, read_answers
from evalkit.answer_files.interface import Answer, AnswerFile

__all__ = ["FORMATS", "Answer", "AnswerFile", "read_answers"]
