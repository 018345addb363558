"""Tiny random models of real architectures, saved as a user would find them."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GemmaConfig,
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessorPil,
    LlavaNextProcessor,
    LlavaProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
)

SPECIAL = (
    "<pad>", "<s>", "</s>", "<image>", "<|im_start|>", "<|im_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<fake_token_around_image>",
    "<end_of_utterance>", "<global-img>",
    *(f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)),
)  # fmt: skip

CHAT = (
    "{% for message in messages %}{{ message['role'] }}: "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)

LLAVA_CHAT = CHAT.replace("IMAGE", "<image>\n")


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and the special tokens of all families."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *alphabet))}
    words = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **named)


def text_sizes(**more: object) -> dict[str, object]:
    return {
        "vocab_size": 400,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.35,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **more,
    }


def vision_sizes(**more: object) -> dict[str, object]:
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 28,
        "patch_size": 14,
        **more,
    }


def save(folder: Path, model, processor) -> Path:
    """Spread the weights, so that answers depend on pictures and words, and save all."""
    torch.manual_seed(7)
    for name, weight in model.named_parameters():
        if "class_embedding" in name or (weight.dim() > 1 and "norm" not in name):
            torch.nn.init.normal_(weight, std=0.35)
    model.generation_config = GenerationConfig(
        eos_token_id=2, pad_token_id=0, bos_token_id=1, do_sample=True, temperature=1.7, top_p=0.9,
        repetition_penalty=3.0,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def llava_like_vicuna(folder: Path) -> Path:
    """LLaVA whose tokenizer adds BOS itself and alone has the chat template, as Vicuna's."""
    words = tokenizer()
    words.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", words.bos_token_id)]
    )
    words.chat_template = CHAT.replace("IMAGE", "<image>\n")
    return llava(folder, words, chat_template=None)


def llava(folder: Path, words=None, chat_template=LLAVA_CHAT, text=None) -> Path:
    words = words or tokenizer()
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    processor = LlavaProcessor(
        pictures, words, patch_size=14, vision_feature_select_strategy="default",
        chat_template=chat_template, num_additional_image_tokens=1,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**vision_sizes()),
        text_config=text or LlamaConfig(**text_sizes()),
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    return save(folder, LlavaForConditionalGeneration(config), processor)


def llava_next(folder: Path) -> Path:
    words = tokenizer()
    grid = [[28, 56], [56, 28], [56, 56]]
    pictures = LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(
        pictures, words, patch_size=14, vision_feature_select_strategy="default",
        chat_template=CHAT.replace("IMAGE", "<image>\n"), num_additional_image_tokens=1,
    )  # fmt: skip
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**vision_sizes()),
        text_config=LlamaConfig(**text_sizes()),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
    )
    return save(folder, LlavaNextForConditionalGeneration(config), processor)


def qwen2_vl(folder: Path) -> Path:
    words = tokenizer()
    pictures = Qwen2VLImageProcessorPil(
        patch_size=4, merge_size=2, temporal_patch_size=2,
        size={"shortest_edge": 16 * 16, "longest_edge": 32 * 32},
    )  # fmt: skip
    # Without torchvision there is no video processor, and so no whole processor to save.
    words.chat_template = CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    words.save_pretrained(folder)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = Qwen2VLConfig(
        text_config=text_sizes(rope_parameters=rope),
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 4,
            "mlp_ratio": 2, "spatial_merge_size": 2, "temporal_patch_size": 2,
        },
        image_token_id=words.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=words.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=words.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=words.convert_tokens_to_ids("<|vision_end|>"),
    )  # fmt: skip
    return save(folder, Qwen2VLForConditionalGeneration(config), pictures)


def paligemma(folder: Path) -> Path:
    words = tokenizer()
    pictures = SiglipImageProcessorPil(size={"height": 28, "width": 28})
    pictures.image_seq_length = 4
    processor = PaliGemmaProcessor(pictures, words)
    config = PaliGemmaConfig(
        vision_config=SiglipVisionConfig(**vision_sizes(vision_use_head=False)),
        text_config=GemmaConfig(**text_sizes(head_dim=8, vocab_size=2000)),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
        vocab_size=2000,
    )
    return save(folder, PaliGemmaForConditionalGeneration(config), processor)


def idefics3(folder: Path) -> Path:
    words = tokenizer()
    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 28}
    )
    processor = Idefics3Processor(
        pictures, words, image_seq_len=1, chat_template=CHAT.replace("IMAGE", "<image>")
    )
    config = Idefics3Config(
        vision_config=vision_sizes(),
        text_config=LlamaConfig(**text_sizes()),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return save(folder, Idefics3ForConditionalGeneration(config), processor)


FAMILIES = {
    "llava": llava,
    "llava_like_vicuna": llava_like_vicuna,
    "llava_next": llava_next,
    "qwen2_vl": qwen2_vl,
    "paligemma": paligemma,
    "idefics3": idefics3,
}
"""Makers of a checkpoint by the name of its architecture."""
