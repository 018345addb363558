"""A LLaVA of random weights with LLaVA-1.5's real layout: 336 pixels, 576 picture tokens.

A checkpoint's folder as a user would have it, and questions like those of the benchmarks about
pictures of COCO's usual size. Answers are as long as real ones because `max_new_tokens` says so: a
random model does not end its texts.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

from evalkit.records import Generation, Image, Message, Request

SHORT = "Answer the question using a single word or phrase."
THINGS = ("dog", "cat", "car", "snowboard", "dining table", "person", "traffic light", "spoon")
WORDS = [
    "is",
    "there",
    "a",
    "an",
    "the",
    "in",
    "of",
    "image",
    "on",
    "what",
    "color",
    "to",
    "left",
    "right",
    "that",
    "holding",
    "near",
    "how",
    "many",
    "which",
    "side",
    "picture",
    "or",
    "both",
    "are",
    "it",
    "they",
    "made",
    "wearing",
    "who",
    "this",
    "kind",
    "animal",
    "vehicle",
    "standing",
    "under",
    "behind",
    "answer",
    "question",
    "using",
    "single",
    "word",
    "phrase",
    "yes",
    "no",
    "one",
    "two",
    "three",
    "white",
    "black",
    "red",
    "green",
    "blue",
    "wood",
    "metal",
]
CHAT = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
SIZES = {
    "20m": {"text": (384, 1024, 8, 6), "vision": (256, 1024, 4, 4), "vocabulary": 4000},
    "7b": {"text": (4096, 11008, 32, 32), "vision": (1024, 4096, 24, 16), "vocabulary": 32064},
}
"""Width, inner width, layers and heads; "7b" is LLaVA-1.5-7B."""


@dataclass(frozen=True)
class Layout:
    """How a benchmark asks: questions a picture, and tokens of an answer."""

    name: str
    questions: int
    answer: int
    words: int


LAYOUTS = {
    18: Layout("POPE-like", 18, 2, 7),
    31: Layout("GQA-like", 31, 2, 9),
    2: Layout("MME-like", 2, 2, 10),
    1: Layout("TextVQA-like", 1, 5, 8),
}


def tokenizer():
    """One token a word or mark, as real tokenizers nearly have it for such questions."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>", "<image>"]
    marks = ["USER", "ASSISTANT", ":", "?", ".", ",", "Answer", "Is", "What", "How", "Which"]
    words = " ".join((*WORDS, *THINGS)).split()
    filler = [f"w{i}" for i in range(3000)]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(special + marks + words + filler))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        pad_token="<unk>",  # noqa: S106
    )


def checkpoint(folder: Path, size: str = "20m", dtype: str = "float32") -> Path:
    """Make the model and its processor in a folder."""
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        GenerationConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    words, sizes = tokenizer(), SIZES[size]
    (hidden, inner, layers, heads), seen = sizes["text"], sizes["vision"]
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=seen[0], intermediate_size=seen[1], num_hidden_layers=seen[2],
            num_attention_heads=seen[3], image_size=336, patch_size=14,
        ),
        text_config=LlamaConfig(
            vocab_size=sizes["vocabulary"], hidden_size=hidden, intermediate_size=inner,
            num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads,
            max_position_embeddings=4096, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        ),
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    model = LlavaForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    # No end token: every answer has all the tokens that are asked for.
    model.generation_config = GenerationConfig(bos_token_id=1, pad_token_id=0, eos_token_id=3999)
    model.save_pretrained(folder)
    LlavaProcessor(
        CLIPImageProcessorPil(
            size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}
        ),
        words, patch_size=14, vision_feature_select_strategy="default", chat_template=CHAT,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def picture(seed: int) -> bytes:
    """A JPEG of 640 x 480 pixels."""
    import numpy as np
    import PIL.Image

    small = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    content = io.BytesIO()
    PIL.Image.fromarray(small).resize((640, 480), 2).save(content, "JPEG", quality=90)
    return content.getvalue()


def question(dice: random.Random, layout: Layout) -> str:
    """A question of about as many words as the benchmark's."""
    if layout.name in ("POPE-like", "MME-like"):
        extra = " ".join(dice.choices(WORDS, k=layout.words - 7))
        return f"Is there a {dice.choice(THINGS)} in the image{' ' + extra if extra else ''}?"
    return (
        f"{dice.choice(('What', 'Which', 'Is'))} {' '.join(dice.choices(WORDS, k=layout.words))}?"
    )


def requests(layout: Layout, pictures: int, seed: int = 0) -> list[Request]:
    """All questions about some pictures, those of a picture apart from one another.

    A picture stands in every row of its own, as in the hub's tables.
    """
    dice = random.Random(seed)
    shown = [picture(seed * 1000 + i) for i in range(pictures)]
    rows = [
        Request(
            task=layout.name,
            sample_id=f"{i:04}-{j:02}",
            messages=(
                Message(
                    role="user",
                    content=(
                        Image(key=f"row {i}/{j}", read=lambda content=content: content),
                        f"{question(dice, layout)}\n{SHORT}",
                    ),
                ),
            ),
            generation=Generation(max_new_tokens=layout.answer),
            kin=f"{i}",
        )
        for i, content in enumerate(shown)
        for j in range(layout.questions)
    ]
    dice.shuffle(rows)
    return rows
