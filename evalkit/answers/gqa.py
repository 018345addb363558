"""The answer as GQA compares it: LLaVA's conversion of what a model wrote."""


def gqa_answer(text: str) -> str:
    """The text in lower case without the full stops at its end; nothing else is touched.

    GQA's own `eval.py` compares with `==`. A space at either end, an exclamation mark or an article
    therefore makes an answer wrong.

    Source: haotian-liu/LLaVA `scripts/convert_gqa_for_eval.py` at c121f043.
    """
    return text.rstrip(".").lower()
