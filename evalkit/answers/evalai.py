"""EvalAI's answer processor: TextVQA is scored with it, and VQAv2 answers are uploaded after it."""

from functools import lru_cache

from evalkit.answers.vqa import PYTHON3, canonical_words, without_marks


@lru_cache(maxsize=1 << 16)
def evalai_answer(text: str) -> str:
    """The text as the M4C evaluator compares it.

    Lower case first; commas and question marks are deleted; "'s" is set apart; then the steps of
    the VQA evaluator follow. Unlike there, unanimous answers are normalised, too.

    Source: facebookresearch/mmf `mmf/utils/m4c_evaluators.py` at b0ffc7fb, `EvalAIAnswerProcessor`;
    LLaVA's copy `llava/eval/m4c_evaluator.py` at c121f043 computes the same.
    """
    plain = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    line = plain.replace("\n", " ").replace("\t", " ").strip()
    return canonical_words(without_marks(line, PYTHON3), PYTHON3)
