"""Inputs -> tokens: decoding as the task says and nothing else, by each of the ways.

Sampling settings of the checkpoint's own generation config are dropped, only its special tokens are
kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.backends import hf_prefix
from evalkit.backends.hf_layout import Layout
from evalkit.records import Generation, Request

if TYPE_CHECKING:
    import torch


class Decoder:
    """Generates with a loaded model."""

    def __init__(self, model: Any, words: Any, seed: int) -> None:
        """Decode with a model and its tokenizer; the checkpoint's own settings are dropped."""
        self._model = model
        self._words = words
        self._seed = seed
        self._strip_generation_config()
        self._pad = model.generation_config.pad_token_id
        ends = model.generation_config.eos_token_id
        self.ends = frozenset(
            ends if isinstance(ends, (list, tuple)) else [] if ends is None else [ends]
        )

    def unpadded(self, tokens: list[int], generation: Generation) -> list[int]:
        """A row's new tokens without the padding that may follow where a stop string ended it."""
        count = len(tokens)
        while generation.stop and count and tokens[count - 1] == self._pad:
            count -= 1
        return tokens[:count]

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def plain(self, batch: Sequence[Request], inputs: Mapping[str, Any], **more: Any) -> Any:
        """New tokens of every request, shape (requests, tokens), by one call of the model.

        Args:
            batch: Requests with equal generation settings.
            inputs: Their inputs, `input_ids` of shape (requests, tokens).
            more: Further arguments of `generate`.
        """
        generation = batch[0].generation
        self.seed(batch)
        output = self._model.generate(
            **{name: self._placed(value) for name, value in inputs.items()},
            generation_config=self._config(generation),
            **self._stopping(generation),
            **more,
        )
        return self._new(output, inputs["input_ids"].shape[1])

    def featured(
        self,
        batch: Sequence[Request],
        inputs: Mapping[str, Any],
        places: Sequence[int],
        **more: Any,
    ) -> Any:
        """As `plain`, with each picture through the vision tower once.

        Args:
            batch: Requests with one picture each.
            inputs: Their inputs; `pixel_values` holds each distinct picture once.
            places: Which of those each request shows.
            more: Further arguments of `generate`.
        """
        import torch

        pixels = self._placed(inputs["pixel_values"])
        features = self._model.model.get_image_features(pixels, return_dict=True)
        made = features.pooler_output
        features.pooler_output = (
            made[torch.tensor(places, device=made.device)]
            if hasattr(made, "shape")
            else [made[place] for place in places]
        )
        rest = {name: value for name, value in inputs.items() if name != "pixel_values"}
        return self.plain(batch, rest, mm_encoder_outputs={"image": features}, **more)

    def shared(self, batch: Sequence[Request], layout: Layout, **more: Any) -> Any:
        """As `plain`, with each prefix run once for all the requests that continue it.

        Args:
            batch: Requests with equal generation settings.
            layout: Their prefixes and tails; nothing is longer than a sliding window.
            more: Further arguments of the last `generate`.
        """
        import torch

        generation = batch[0].generation
        prefix = {name: self._placed(value) for name, value in layout.prefix.items()}
        begun = self._model.generate(
            **prefix,
            generation_config=self._config(Generation(max_new_tokens=1)),
            return_dict_in_generate=True,
        )
        rows = hf_prefix.Rows.of(layout.sizes, self._model.device)
        room = layout.tails.shape[1] + generation.max_new_tokens
        shared = hf_prefix.shared_cache(begun.past_key_values, len(batch), room)
        self._repeat_positions(rows.owner)
        ids = [prefix["input_ids"][rows.owner], self._placed(layout.tails)]
        mask = [prefix["attention_mask"][rows.owner], self._placed(layout.tail_mask)]
        self.seed(batch)
        with hf_prefix.attending(self._model, shared, rows):
            output = self._model.generate(
                input_ids=torch.cat(ids, dim=1),
                attention_mask=torch.cat(mask, dim=1),
                past_key_values=shared,
                generation_config=self._config(generation),
                **self._stopping(generation),
                **more,
            )
        return self._new(output, layout.length)

    def _new(self, output: Any, length: int) -> Any:
        """The tokens that were added; an output with scores is returned as it is."""
        if not hasattr(output, "sequences"):
            return output[:, length:]
        output.sequences = output.sequences[:, length:]
        return output

    def _repeat_positions(self, owner: torch.Tensor) -> None:
        """Rows continue where their prefix ended; Qwen's models keep that of the last call."""
        inner = getattr(self._model, "model", None)
        ended = getattr(inner, "rope_deltas", None)
        if inner is not None and ended is not None:
            inner.rope_deltas = ended[owner.to(ended.device)]

    def _placed(self, value: Any) -> Any:
        """A tensor on the model's device, floating ones in its number format."""
        if not hasattr(value, "to"):
            return value
        if value.is_floating_point():
            return value.to(self._model.device, self._model.dtype, non_blocking=True)
        return value.to(self._model.device, non_blocking=True)

    def _stopping(self, generation: Generation) -> dict[str, Any]:
        if not generation.stop:
            return {}
        return {"stop_strings": list(generation.stop), "tokenizer": self._words}

    def seed(self, batch: Sequence[Request]) -> None:
        """Seed sampling by the batch: whole batches of a resumed run draw as in an unbroken one."""
        if batch[0].generation.temperature == 0:
            return
        import torch

        text = "\n".join([str(self._seed), *(request.sample_id for request in batch)])
        torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))

    def _strip_generation_config(self) -> None:
        """Keep of the checkpoint's own generation settings its special tokens only."""
        from transformers import GenerationConfig

        own, words = self._model.generation_config, self._words
        self._model.generation_config = GenerationConfig(
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id if own.eos_token_id is not None else words.eos_token_id,
            pad_token_id=own.pad_token_id if own.pad_token_id is not None else words.pad_token_id,
            decoder_start_token_id=own.decoder_start_token_id,
        )

    def _config(self, generation: Generation) -> Any:
        from transformers import GenerationConfig

        own = self._model.generation_config
        sampling = {}
        if generation.temperature > 0:
            sampling = {
                "temperature": generation.temperature,
                "top_p": generation.top_p,
                "top_k": 0,
            }
        return GenerationConfig(
            max_new_tokens=generation.max_new_tokens,
            num_beams=generation.num_beams,
            do_sample=generation.temperature > 0,
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id,
            pad_token_id=own.pad_token_id,
            decoder_start_token_id=own.decoder_start_token_id,
            **sampling,
        )
