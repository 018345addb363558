"""The columns of the ten datasets, as the Hugging Face hub has them."""

from datasets import Features, Image, List, Value

_TEXT = Value("string")
_WHOLE = Value("int64")
_STEP = {"operation": _TEXT, "argument": _TEXT, "dependencies": List(Value("int32"))}
_MENTIONS = List({"objectId": _TEXT, "value": _TEXT})


def _named(kind: Value, *names: str) -> dict[str, Value]:
    return dict.fromkeys(names, kind)


GQA = Features(
    {
        **_named(_TEXT, "id", "imageId", "question", "answer", "fullAnswer"),
        "isBalanced": Value("bool"),
        "groups": _named(_TEXT, "global", "local"),
        **_named(_TEXT, "entailed", "equivalent"),
        "types": _named(_TEXT, "structural", "semantic", "detailed"),
        "annotations": dict.fromkeys(("question", "answer", "fullAnswer"), _MENTIONS),
        "semantic": List(_STEP),
        "semanticStr": _TEXT,
    }
)
"""Questions of GQA; the pictures stand in a table of their own."""

GQA_IMAGES = Features({"id": _TEXT, "image": Image()})
"""Pictures of GQA."""

MME = Features(
    {"question_id": _TEXT, "image": Image(), **_named(_TEXT, "question", "answer", "category")}
)
"""Rows of MME."""

POPE = Features(
    {
        **_named(_TEXT, "id", "question_id", "question", "answer", "image_source"),
        "image": Image(),
        "category": _TEXT,
    }
)
"""Rows of POPE."""

VQAV2 = Features(
    {
        **_named(_TEXT, "question_type", "multiple_choice_answer"),
        "answers": List({"answer": _TEXT, "answer_confidence": _TEXT, "answer_id": _WHOLE}),
        "image_id": _WHOLE,
        "answer_type": _TEXT,
        "question_id": _WHOLE,
        "question": _TEXT,
        "image": Image(),
    }
)
"""Rows of VQAv2."""

TEXTVQA = Features(
    {
        "image_id": _TEXT,
        "question_id": Value("int32"),
        "question": _TEXT,
        "question_tokens": List(_TEXT),
        "image": Image(),
        **_named(Value("int32"), "image_width", "image_height"),
        **_named(_TEXT, "flickr_original_url", "flickr_300k_url"),
        "answers": List(_TEXT),
        "image_classes": List(_TEXT),
        "set_name": _TEXT,
        "ocr_tokens": List(_TEXT),
    }
)
"""Rows of TextVQA."""

SCIENCEQA = Features(
    {
        "image": Image(),
        "question": _TEXT,
        "choices": List(_TEXT),
        "answer": Value("int8"),
        **_named(_TEXT, "hint", "task", "grade", "subject", "topic", "category"),
        **_named(_TEXT, "skill", "lecture", "solution"),
    }
)
"""Rows of ScienceQA."""

MMVP = Features(
    {
        "Index": _WHOLE,
        **_named(_TEXT, "Question", "Options", "Correct Answer"),
        "image": Image(),
    }
)
"""Rows of MMVP."""

MMVET = Features(
    {
        "question_id": _TEXT,
        "image": Image(),
        **_named(_TEXT, "question", "answer", "image_source", "capability"),
    }
)
"""Rows of MM-Vet."""

LLAVA_BENCH_WILD = Features(
    {
        **_named(_TEXT, "question_id", "question"),
        "image": Image(),
        **_named(_TEXT, "image_id", "category", "caption", "gpt_answer"),
    }
)
"""Rows of LLaVA-Bench (In-the-Wild)."""

LLAVA_BENCH_COCO = Features(
    {
        **_named(_TEXT, "question_id", "question"),
        "image": Image(),
        **_named(_TEXT, "category", "image_id", "answer", "caption"),
    }
)
"""Rows of LLaVA-Bench (COCO)."""
