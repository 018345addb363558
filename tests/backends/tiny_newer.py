"""Tiny random models of further architectures: newer ones, and ones whose layers are unusual."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import transformers as hf
from transformers import PreTrainedTokenizerFast

from evalkit.backends.hf_loading import _without_video


def _beside(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tiny = _beside("tiny")
CHAT, save, text_sizes, vision_sizes = tiny.CHAT, tiny.save, tiny.text_sizes, tiny.vision_sizes


def tokenizer(chat: str | None = None, named: dict[str, str] | None = None):
    """`tiny.tokenizer` with control tokens that a processor asks for by name."""
    words = tiny.tokenizer()
    if named:
        words.add_special_tokens({"extra_special_tokens": list(named.values())})
        usual = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
        words = PreTrainedTokenizerFast(
            tokenizer_object=words.backend_tokenizer, extra_special_tokens=named, **usual
        )
    words.chat_template = chat
    return words


def shown(mark: str) -> str:
    return CHAT.replace("IMAGE", mark)


def pictures_only(kind: type, *parts: object, **settings: object):
    """A processor that is made and saved without its video part, if that needs torchvision."""
    if importlib.util.find_spec("torchvision"):
        video = getattr(hf, kind.__name__.replace("Processor", "VideoProcessor"))
        return kind(*parts, video_processor=video(), **settings)
    made = _without_video(kind)(*parts, video_processor=None, **settings)
    names = [name for name in made.get_attributes() if name != "video_processor"]
    type(made).get_attributes = classmethod(lambda cls: names)
    return made


def llava_onevision(folder: Path) -> Path:
    words = tokenizer(
        shown("<image>\n"),
        {"video_token": "<video>"},
    )
    pictures = hf.LlavaOnevisionImageProcessorPil(
        size={"height": 28, "width": 28}, image_grid_pinpoints=[[28, 28], [28, 56], [56, 28]]
    )
    processor = pictures_only(
        hf.LlavaOnevisionProcessor, pictures, words, num_image_tokens=4,
        vision_feature_select_strategy="full", chat_template=words.chat_template,
    )  # fmt: skip
    config = hf.LlavaOnevisionConfig(
        vision_config=hf.SiglipVisionConfig(**vision_sizes(vision_use_head=False)),
        text_config=hf.Qwen2Config(**text_sizes()),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        video_token_index=words.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pictures.image_grid_pinpoints,
    )
    return save(folder, hf.LlavaOnevisionForConditionalGeneration(config), processor)


QWEN = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}


def _qwen(folder: Path, kind: str, text: dict[str, object], vision: dict[str, object]) -> Path:
    words = tokenizer(shown("<|vision_start|><|image_pad|><|vision_end|>"))
    pictures = hf.Qwen2VLImageProcessorPil(
        patch_size=4, merge_size=2, temporal_patch_size=2,
        size={"shortest_edge": 16 * 16, "longest_edge": 32 * 32},
    )  # fmt: skip
    words.save_pretrained(folder)
    config = getattr(hf, f"{kind}Config")(
        text_config=text_sizes(**text),
        vision_config={
            "depth": 2, "hidden_size": 32, "num_heads": 4, "patch_size": 4, "intermediate_size": 64,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32, **vision,
        },
        **{name: words.convert_tokens_to_ids(token) for name, token in QWEN.items()},
    )  # fmt: skip
    return save(folder, getattr(hf, f"{kind}ForConditionalGeneration")(config), pictures)


def rope(*section: int, **more: object) -> dict[str, object]:
    given = {"rope_type": "default", "mrope_section": [*section], "rope_theta": 10000.0, **more}
    return {"rope_parameters": given}


def qwen2_5_vl(folder: Path) -> Path:
    vision = {"fullatt_block_indexes": [1], "window_size": 16}
    return _qwen(folder, "Qwen2_5_VL", rope(1, 1, 2), vision)


def qwen3_vl(folder: Path) -> Path:
    vision = {"deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64}
    return _qwen(folder, "Qwen3VL", rope(1, 1, 2) | {"head_dim": 8}, vision)


def qwen3_5(folder: Path) -> Path:
    """Gated delta layers (recurrent) and full attention in turn."""
    text = rope(1, 1, 2, partial_rotary_factor=1.0) | {
        "head_dim": 8, "layer_types": ["linear_attention", "full_attention"],
        "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
    }  # fmt: skip
    return _qwen(folder, "Qwen3_5", text, {"num_position_embeddings": 64})


def glm4v(folder: Path) -> Path:
    named = {
        "image_token": "<|image|>", "video_token": "<|video|>",
        "image_start": "<|begin_of_image|>", "image_end": "<|end_of_image|>",
        "video_start": "<|begin_of_video|>", "video_end": "<|end_of_video|>",
    }  # fmt: skip
    words = tokenizer(shown("<|begin_of_image|><|image|><|end_of_image|>"), named)
    pictures = hf.Glm4vImageProcessorPil(
        patch_size=4, merge_size=2, temporal_patch_size=2,
        size={"shortest_edge": 2 * 16 * 16, "longest_edge": 2 * 32 * 32},
    )  # fmt: skip
    words.save_pretrained(folder)
    config = hf.Glm4vConfig(
        text_config=text_sizes(**rope(1, 1, 2)),
        vision_config={
            "depth": 2, "hidden_size": 32, "num_heads": 4, "patch_size": 4, "image_size": 32,
            "intermediate_size": 64, "spatial_merge_size": 2, "temporal_patch_size": 2,
            "out_hidden_size": 32,
        },
        **{
            name.removesuffix("_token") + "_token_id": words.convert_tokens_to_ids(token)
            for name, token in named.items()
        },
    )  # fmt: skip
    return save(folder, hf.Glm4vForConditionalGeneration(config), pictures)


def smolvlm(folder: Path) -> Path:
    words = tokenizer(shown("<image>"))
    pictures = hf.SmolVLMImageProcessorPil(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 28}
    )
    processor = pictures_only(
        hf.SmolVLMProcessor,
        pictures,
        words,
        image_seq_len=1,
        chat_template=words.chat_template,
    )
    config = hf.SmolVLMConfig(
        vision_config=vision_sizes(),
        text_config=hf.LlamaConfig(**text_sizes()),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return save(folder, hf.SmolVLMForConditionalGeneration(config), processor)


def internvl(folder: Path) -> Path:
    words = tokenizer(
        shown("<IMG_CONTEXT>\n"),
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )
    pictures = hf.GotOcr2ImageProcessorPil(
        size={"height": 28, "width": 28}, crop_to_patches=True, max_patches=3
    )
    processor = pictures_only(
        hf.InternVLProcessor, pictures, words, image_seq_length=1, chat_template=words.chat_template
    )
    config = hf.InternVLConfig(
        vision_config=vision_sizes(),
        text_config=hf.Qwen2Config(**text_sizes()),
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
    )
    return save(folder, hf.InternVLForConditionalGeneration(config), processor)


def gemma3(folder: Path, window: int = 512) -> Path:
    """Sliding and full layers in turn; a picture's tokens attend to each other."""
    words = tokenizer(
        shown("<start_of_image>"),
        {
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
    )
    pictures = hf.Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    processor = hf.Gemma3Processor(
        pictures, words, image_seq_length=4, chat_template=words.chat_template
    )
    layers = ["sliding_attention", "full_attention"]
    config = hf.Gemma3Config(
        vision_config=hf.SiglipVisionConfig(**vision_sizes(vision_use_head=False)),
        text_config=text_sizes(
            head_dim=8, sliding_window=window, layer_types=layers, tie_word_embeddings=False
        ),
        tie_word_embeddings=False,
        mm_tokens_per_image=4,
        boi_token_index=words.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=words.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=words.convert_tokens_to_ids("<image_soft_token>"),
    )
    return save(folder, hf.Gemma3ForConditionalGeneration(config), processor)


def gemma3_narrow(folder: Path) -> Path:
    """Some prompts are longer than its window, some are not."""
    return gemma3(folder, window=100)


def paligemma2(folder: Path) -> Path:
    """PaliGemma on Gemma 2: capped scores, sliding windows, the whole prompt in both directions."""
    words = tokenizer()
    pictures = hf.SiglipImageProcessorPil(size={"height": 28, "width": 28})
    pictures.image_seq_length = 4
    processor = hf.PaliGemmaProcessor(pictures, words)
    text = text_sizes(
        head_dim=8, vocab_size=2000, attn_logit_softcapping=2.0, sliding_window=512,
        layer_types=["sliding_attention", "full_attention"], tie_word_embeddings=False,
    )  # fmt: skip
    config = hf.PaliGemmaConfig(
        vision_config=hf.SiglipVisionConfig(**vision_sizes(vision_use_head=False)),
        text_config=hf.Gemma2Config(**text),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
        vocab_size=2000,
        tie_word_embeddings=False,
    )
    return save(folder, hf.PaliGemmaForConditionalGeneration(config), processor)


def mllama(folder: Path) -> Path:
    words = tokenizer(
        shown("<|image|>"),
        {"image_token": "<|image|>", "python": "<|python_tag|>"},
    )
    pictures = hf.MllamaImageProcessorPil(size={"height": 28, "width": 28}, max_image_tiles=2)
    processor = hf.MllamaProcessor(pictures, words, chat_template=words.chat_template)
    config = hf.MllamaConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "image_size": 28,
            "patch_size": 14, "num_global_layers": 1, "attention_heads": 4, "max_num_tiles": 2,
            "vision_output_dim": 64, "intermediate_layers_indices": [1],
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        text_config=text_sizes(
            cross_attention_layers=[1], num_hidden_layers=3,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
        image_token_index=words.convert_tokens_to_ids("<|image|>"),
    )  # fmt: skip
    model = hf.MllamaForConditionalGeneration(config)
    for name, gate in model.named_parameters():
        if "gate" in name and gate.dim() == 1:
            gate.data.fill_(0.9)  # closed at first: pictures would not be seen
    return save(folder, model, processor)


PIXTRAL = {
    "image_token": "[IMG]",
    "image_break_token": "[IMG_BREAK]",
    "image_end_token": "[IMG_END]",
}


def _pixtral(words: PreTrainedTokenizerFast, **more: int):
    pictures = hf.PixtralImageProcessorPil(
        size={"longest_edge": 28}, patch_size={"height": 7, "width": 7}
    )
    processor = hf.PixtralProcessor(
        pictures, words, patch_size=7, chat_template=words.chat_template, **more
    )
    vision = vision_sizes(
        patch_size=7, head_dim=8, rope_parameters={"rope_type": "default", "rope_theta": 100.0}
    )
    return processor, hf.PixtralVisionConfig(**vision)


def pixtral(folder: Path) -> Path:
    """Pixtral is a LLaVA with a vision tower of its own."""
    words = tokenizer(shown("[IMG]"), PIXTRAL)
    processor, vision = _pixtral(words)
    config = hf.LlavaConfig(
        vision_config=vision,
        text_config=hf.MistralConfig(**text_sizes(head_dim=8, sliding_window=None)),
        image_token_index=words.convert_tokens_to_ids("[IMG]"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return save(folder, hf.LlavaForConditionalGeneration(config), processor)


def mistral3(folder: Path) -> Path:
    words = tokenizer(shown("[IMG]"), PIXTRAL)
    processor, vision = _pixtral(words, spatial_merge_size=2)
    config = hf.Mistral3Config(
        vision_config=vision,
        text_config=hf.MistralConfig(**text_sizes(head_dim=8, sliding_window=None)),
        image_token_index=words.convert_tokens_to_ids("[IMG]"),
    )
    return save(folder, hf.Mistral3ForConditionalGeneration(config), processor)


def idefics2(folder: Path) -> Path:
    words = tokenizer(shown("<image>"))
    pictures = hf.Idefics2ImageProcessorPil(
        size={"shortest_edge": 14, "longest_edge": 28}, do_image_splitting=False
    )
    processor = hf.Idefics2Processor(
        pictures, words, image_seq_len=4, chat_template=words.chat_template
    )
    config = hf.Idefics2Config(
        vision_config=vision_sizes(),
        perceiver_config={
            "hidden_size": 32, "resampler_n_latents": 4, "resampler_depth": 1,
            "resampler_n_heads": 4, "resampler_head_dim": 8, "num_key_value_heads": 2,
        },
        text_config=hf.MistralConfig(**text_sizes(head_dim=8, sliding_window=None)),
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return save(folder, hf.Idefics2ForConditionalGeneration(config), processor)


def gemma4(folder: Path, shared_layers: int = 0) -> Path:
    """As Gemma 3; only sliding layers let a picture's tokens attend to each other."""
    words = tokenizer(
        shown("<|image|>"),
        {
            "boi_token": "<|image>",
            "eoi_token": "<image|>",
            "image_token": "<|image|>",
            "audio_token": "<|audio|>",
            "boa_token": "<|audio>",
            "eoa_token": "<audio|>",
        },
    )
    pictures = hf.Gemma4ImageProcessorPil(patch_size=4, pooling_kernel_size=2, max_soft_tokens=70)
    processor = pictures_only(
        hf.Gemma4Processor,
        hf.Gemma4AudioFeatureExtractor(),
        pictures,
        words,
        chat_template=words.chat_template,
    )
    config = hf.Gemma4Config(
        text_config=text_sizes(
            head_dim=8, sliding_window=512, num_hidden_layers=4, tie_word_embeddings=False,
            layer_types=["sliding_attention", "full_attention"] * 2, global_head_dim=8,
            hidden_size_per_layer_input=8, vocab_size_per_layer_input=400,
            use_bidirectional_attention="vision", num_kv_shared_layers=shared_layers,
        ),
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8,
            "num_attention_heads": 4, "num_key_value_heads": 4, "patch_size": 4,
            "pooling_kernel_size": 2, "position_embedding_size": 128,
        },
        audio_config=None,
        tie_word_embeddings=False,
        boi_token_id=words.convert_tokens_to_ids("<|image>"),
        eoi_token_id=words.convert_tokens_to_ids("<image|>"),
        image_token_id=words.convert_tokens_to_ids("<|image|>"),
        audio_token_id=words.convert_tokens_to_ids("<|audio|>"),
        video_token_id=words.convert_tokens_to_ids("<|video|>"),
    )  # fmt: skip
    return save(folder, hf.Gemma4ForConditionalGeneration(config), processor)


def gemma4_reusing(folder: Path) -> Path:
    """Its last layers have no keys of their own, and take those of earlier layers."""
    return gemma4(folder, shared_layers=2)


def llava_gemma2(folder: Path) -> Path:
    """LLaVA on Gemma 2: capped scores and sliding windows, and nothing looks ahead."""
    sizes = text_sizes(
        head_dim=8, attn_logit_softcapping=2.0, sliding_window=100, tie_word_embeddings=False,
        layer_types=["sliding_attention", "full_attention"],
    )  # fmt: skip
    return tiny.llava(folder, text=hf.Gemma2Config(**sizes))


FAMILIES = {
    "llava_onevision": llava_onevision,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "qwen3_5": qwen3_5,
    "glm4v": glm4v,
    "smolvlm": smolvlm,
    "internvl": internvl,
    "gemma3": gemma3,
    "gemma3_narrow": gemma3_narrow,
    "paligemma2": paligemma2,
    "mllama": mllama,
    "pixtral": pixtral,
    "mistral3": mistral3,
    "idefics2": idefics2,
    "gemma4": gemma4,
    "gemma4_reusing": gemma4_reusing,
    "llava_gemma2": llava_gemma2,
}
"""Makers of a checkpoint by the name of its architecture."""
