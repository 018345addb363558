"""The demo model's shape: a LLaVA of a few million parameters, its tokenizer and its processor."""

from collections.abc import Iterable
from typing import Final

from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from evalkit.demo.prompts import LETTER_SUFFIX, SHORT_SUFFIX
from evalkit.demo.scenes import PATCH, SIDE

PAD: Final = "<|pad|>"
"""Fills the left of a batch."""

USER: Final = "<|user|>"
"""Opens what the user says."""

ASSISTANT: Final = "<|assistant|>"
"""Opens what the model says."""

END: Final = "<|end|>"
"""Closes what either says."""

IMAGE: Final = "<image>"
"""Stands for one patch of a picture."""

IMAGE_TOKENS: Final = (SIDE // PATCH) ** 2
"""How many `IMAGE` tokens a picture takes."""

VOCABULARY_SIZE: Final = 1024
"""How many tokens the tokenizer may have, the single bytes included."""

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|assistant|>' if message['role'] == 'assistant' else '<|user|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""How a conversation becomes text; a system message is said as the user."""


def tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE tokenizer, which can encode any text.

    The two suffixes of the `llava` prompts are single tokens: nearly every prompt ends in one.

    Args:
        texts: What to learn the merges from.

    Returns:
        The tokenizer, which pads on the left.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - 2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[PAD, USER, ASSISTANT, END, IMAGE],
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    inner.add_tokens(
        [AddedToken(suffix, normalized=False) for suffix in (SHORT_SUFFIX, LETTER_SUFFIX)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=[USER, ASSISTANT, IMAGE],
    )


def token_id(words: PreTrainedTokenizerFast, token: str) -> int:
    """Give the id of a token that the tokenizer is known to have."""
    return words.get_vocab()[token]


def processor(words: PreTrainedTokenizerFast) -> LlavaProcessor:
    """Give the processor of pictures and text that goes with a tokenizer."""
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return LlavaProcessor(
        pictures,
        words,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )


def _vision() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=128,
        hidden_act="gelu",
    )


def model(words: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """Give an untrained model for a tokenizer; torch's global generator draws its weights."""
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=144,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=_vision(),
        text_config=text,
        image_token_index=token_id(words, IMAGE),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    made = LlavaForConditionalGeneration(config)
    made.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=16,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return made
