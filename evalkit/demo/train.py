"""Trains the demo model and its early checkpoint: `python -m evalkit.demo.train --out DIR`."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from evalkit.demo import architecture, batches, prompts
from evalkit.demo.batches import Batch
from evalkit.demo.lessons import page

TOKENIZER_PAGES = 3000
"""How many pages the tokenizer is learnt from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a training run depends on."""

    steps: int = 3500
    early_steps: int = 500
    batch_size: int = 24
    learning_rate: float = 7e-4
    warmup: int = 100
    seed: int = 0
    device: str = "cpu"
    start: Path | None = None


class PatchLabels(nn.Module):
    """Reads what is in a picture's patches off the tower, which so learns to see early.

    Used in training only.
    """

    def __init__(self, width: int) -> None:
        """Make one linear reader for each kind of label."""
        super().__init__()
        self.readers = nn.ModuleList(nn.Linear(width, size) for size in batches.LABEL_SIZES)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Give the mean cross entropy.

        Args:
            features: What the tower gives (pictures, patches, width).
            labels: What is there (pictures, kinds, patches).
        """
        losses = [
            functional.cross_entropy(reader(features).flatten(0, 1), labels[:, kind].flatten())
            for kind, reader in enumerate(self.readers)
        ]
        return torch.stack(losses).mean()


def naming_loss(images: Tensor, embeddings: Tensor, names: Tensor) -> Tensor:
    """Compare patches with the words for what is in them, so that both come to mean the same.

    Args:
        images: Patches as the language model gets them (pictures, patches, width).
        embeddings: Embeddings of all tokens (tokens, width).
        names: Tokens that name each patch (pictures, patches, 2); 0 is none.

    Returns:
        The mean cross entropy of the names, by the cosine of patch and word.
    """
    named = names[..., 0] > 0
    patches = functional.normalize(images[named].float(), dim=-1)
    logits = 12 * patches @ functional.normalize(embeddings.float(), dim=-1).T
    targets = names[named]
    losses = [
        functional.cross_entropy(logits, targets[:, place], ignore_index=0) for place in range(2)
    ]
    return torch.stack(losses).mean()


def answer_loss(
    model: LlavaForConditionalGeneration, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a packed batch.

    Args:
        model: The model.
        batch: Pictures with their lessons.

    Returns:
        The cross entropy of the answers' tokens, what the tower gives for each patch and what the
        projector makes of it.
    """
    inner = model.model
    features = inner.vision_tower(batch.pixels).last_hidden_state[:, 1:]
    embedded = inner.language_model.embed_tokens(batch.tokens)
    images = inner.multi_modal_projector(features)
    embedded = torch.cat((embedded[:, :1], images, embedded[:, 1 + images.shape[1] :]), 1)
    hidden = inner.language_model(
        inputs_embeds=embedded,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state
    logits = model.lm_head(hidden[batch.asked])
    return functional.cross_entropy(logits.float(), batch.answers), features, images


def train(
    plan: Plan,
) -> Iterator[tuple[int, float, LlavaForConditionalGeneration, PreTrainedTokenizerFast]]:
    """Train a model.

    Args:
        plan: The run's settings.

    Yields:
        Every hundred steps: the step, the mean loss since the last time, the model, its tokenizer.
    """
    torch.manual_seed(plan.seed)
    words, model = _beginning(plan)
    nn.Module.to(model, plan.device)
    labels = PatchLabels(model.model.vision_tower.config.hidden_size).to(plan.device)
    weights = [*model.parameters(), *labels.parameters()]
    optimizer = torch.optim.AdamW(
        weights, lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=0.02
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, plan))
    total = 0.0
    loader = batches.stream(words, plan.seed, plan.batch_size, plan.steps)
    for step, drawn in enumerate(loader, 1):
        with torch.autocast(plan.device, torch.bfloat16):
            batch = drawn.to(plan.device)
            loss, features, images = answer_loss(model, batch)
            seeing = labels(features, batch.labels)
        seeing = seeing + naming_loss(images, model.lm_head.weight, batch.names)
        optimizer.zero_grad(set_to_none=True)
        (loss + (1.0 if step < plan.early_steps else 0.3) * seeing).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0 or step == plan.steps:
            yield step, total / (step % 100 or 100), model, words
            total = 0.0


def save(
    model: LlavaForConditionalGeneration, words: PreTrainedTokenizerFast, folder: Path
) -> None:
    """Save a checkpoint with half-precision weights, its tokenizer and its processor."""
    state: dict[str, Any] = {
        name: tensor.detach().half().cpu() for name, tensor in model.state_dict().items()
    }
    copy = architecture.model(words).half()
    copy.load_state_dict(state)
    copy.save_pretrained(folder)
    architecture.processor(words).save_pretrained(folder)


def _beginning(plan: Plan) -> tuple[PreTrainedTokenizerFast, LlavaForConditionalGeneration]:
    """Give what training begins with: the checkpoint to go on from, else something new."""
    if not plan.start:
        words = architecture.tokenizer(_texts(plan.seed))
        return words, architecture.model(words)
    words = PreTrainedTokenizerFast.from_pretrained(plan.start)
    model = architecture.model(words)
    old = LlavaForConditionalGeneration.from_pretrained(plan.start)
    model.load_state_dict(old.state_dict())
    return words, model


def _texts(seed: int) -> Iterator[str]:
    for number in range(TOKENIZER_PAGES):
        drawn = page(seed, number)
        for lesson in drawn.seen + drawn.unseen:
            yield lesson.prompt.split(prompts.SHORT_SUFFIX)[0].split(prompts.LETTER_SUFFIX)[0]
            yield lesson.answer


def _rate(step: int, plan: Plan) -> float:
    """Give the share of the learning rate: a linear rise, then half a cosine."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return float(0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done))))


def main(arguments: list[str] | None = None) -> None:
    """Train, save both checkpoints and write the log to standard output."""
    parser = argparse.ArgumentParser(prog="python -m evalkit.demo.train", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder that gets model/ and model-early/"
    )
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--early-steps", type=int, default=Plan().early_steps)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--seed", type=int, default=Plan().seed)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    plan = Plan(
        steps=options.steps,
        early_steps=options.early_steps,
        device=options.device,
        start=options.start,
        seed=options.seed,
    )
    started = time.monotonic()
    for step, loss, model, words in train(plan):
        sys.stdout.write(
            f"step {step}  loss {loss:.4f}  seconds {time.monotonic() - started:.0f}\n"
        )
        sys.stdout.flush()
        if step == plan.early_steps:
            save(model, words, options.out / "model-early")
        if step % 1000 == 0 or step == plan.steps:
            save(model, words, options.out / "model")


if __name__ == "__main__":
    main()
