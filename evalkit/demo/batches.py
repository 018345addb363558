"""Packs lessons into tensors: one picture, then its lessons, which do not see each other."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from transformers import PreTrainedTokenizerFast

from evalkit.demo.architecture import ASSISTANT, END, IMAGE, IMAGE_TOKENS, USER, token_id
from evalkit.demo.glyphs import CHARACTERS
from evalkit.demo.lessons import Page, page
from evalkit.demo.prompts import Lesson
from evalkit.demo.scenes import CELL, PATCH, SIDE, Scene
from evalkit.demo.vocabulary import COLORS, PALETTE, SHAPES

LABEL_SIZES: Final = (len(SHAPES) + 1, len(COLORS) + 1, 3, len(CHARACTERS) + 1, 8, 8)
"""How many values each kind of patch label has; 0 is none.

The kinds: shape, colour and size of what is in the patch's cell, the patch's own letter, its column
and its row (which nothing else makes the tower pass on).
"""

PREFIX: Final = 1 + IMAGE_TOKENS
"""How many tokens open each row: the user's mark and the picture."""

_COLORS_OF_INDEX: Final = np.array(list(PALETTE.values()), np.float32) / 127.5 - 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Packed lessons.

    Attributes:
        pixels: Pictures (pictures, 3, 64, 64), scaled to -1..1 as the processor does.
        tokens: Token ids (pictures, length).
        positions: Position of each token within its own conversation.
        mask: What each token sees (pictures, 1, length, length).
        asked: True where something is to be predicted: the tokens of an answer and, where the
            user's turn ends, the fact that the answer hangs on. Nobody reads that prediction; it
            makes the model look the fact up before it answers.
        answers: What is to be predicted there, in order.
        labels: Labels of the patches (pictures, kinds, patches).
        names: Tokens that name what is in each patch (pictures, patches, 2); 0 is none.
    """

    pixels: Tensor
    tokens: Tensor
    positions: Tensor
    mask: Tensor
    asked: Tensor
    answers: Tensor
    labels: Tensor
    names: Tensor

    def to(self, device: str) -> "Batch":
        """Move all tensors to a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class _Batches(IterableDataset[Batch]):
    """Draws batch after batch; runs in a worker process."""

    def __init__(self, words: PreTrainedTokenizerFast, seed: int, size: int, count: int) -> None:
        super().__init__()
        self.words = words
        self.seed = seed
        self.size = size
        self.batches = count

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.batches):
            first = number * self.size
            yield pack(self.words, [page(self.seed, first + index) for index in range(self.size)])


def stream(words: PreTrainedTokenizerFast, seed: int, size: int, count: int) -> DataLoader[Batch]:
    """Draw a run's batches in another process, in the same order at every run."""
    return DataLoader(
        _Batches(words, seed, size, count), batch_size=None, num_workers=1, prefetch_factor=4
    )


def pack(words: PreTrainedTokenizerFast, pages: list[Page]) -> Batch:
    """Pack pages.

    Args:
        words: The tokenizer.
        pages: One page for each picture.

    Returns:
        The batch; rows are filled up with tokens that nothing sees.
    """
    rows = _rows(words, pages)
    length = max(len(row.tokens) for row in rows)
    tokens, positions, blocks, targets = (
        torch.tensor([row.filled(name, length) for row in rows])
        for name in ("tokens", "positions", "blocks", "targets")
    )
    pixels = np.stack([each.scene.pixels() for each in pages])
    return Batch(
        torch.from_numpy(_COLORS_OF_INDEX[pixels]).permute(0, 3, 1, 2).contiguous(),
        tokens,
        positions,
        visible(blocks),
        targets > 0,
        targets[targets > 0],
        torch.from_numpy(np.stack([patch_labels(each.scene) for each in pages])),
        torch.from_numpy(np.stack([patch_names(words, each.scene) for each in pages])),
    )


def _fact_token(words: PreTrainedTokenizerFast, lesson: Lesson) -> int:
    """Give the token that begins a lesson's fact, as the prompt would have it; 0 for no fact."""
    if not lesson.fact:
        return 0
    text = lesson.fact if '"' in lesson.prompt or lesson.fact.isdigit() else f" {lesson.fact}"
    tokens: list[int] = words(text, add_special_tokens=False)["input_ids"]
    return tokens[0]


def _rows(words: PreTrainedTokenizerFast, pages: list[Page]) -> list["_Row"]:
    """Give one row for each page."""
    mark = {name: token_id(words, name) for name in (USER, ASSISTANT, END, IMAGE)}
    lessons = [lesson for each in pages for lesson in each.seen + each.unseen]
    prompts = iter(
        words([lesson.prompt for lesson in lessons], add_special_tokens=False)["input_ids"]
    )
    answers = iter(
        words([lesson.answer for lesson in lessons], add_special_tokens=False)["input_ids"]
    )
    facts = iter([_fact_token(words, lesson) for lesson in lessons])
    rows = []
    for each in pages:
        row = _Row(mark)
        for index in range(len(each.seen) + len(each.unseen)):
            row.add(next(prompts), next(answers), next(facts), seen=index < len(each.seen))
        rows.append(row)
    return rows


class _Row:
    """One picture's tokens as they grow.

    Block 0 is the picture; odd blocks see it, even ones do not.
    """

    def __init__(self, mark: dict[str, int]) -> None:
        self.mark = mark
        self.tokens = [mark[USER]] + [mark[IMAGE]] * IMAGE_TOKENS
        self.positions = list(range(PREFIX))
        self.blocks = [0] * PREFIX
        self.targets = [0] * PREFIX
        self.count = 0

    def add(self, prompt: list[int], answer: list[int], fact: int, *, seen: bool) -> None:
        """Add one lesson, which goes on from the picture or starts anew."""
        self.count += 1
        start = [] if seen else [self.mark[USER]]
        asking = [*start, *prompt, self.mark[END], self.mark[ASSISTANT]]
        first = PREFIX if seen else 0
        size = len(asking) + len(answer) + 1
        self.tokens += [*asking, *answer, self.mark[END]]
        self.positions += range(first, first + size)
        self.blocks += [2 * self.count - seen] * size
        self.targets += [0] * (len(asking) - 2) + [fact, *answer, self.mark[END], 0]

    def filled(self, name: str, length: int) -> list[int]:
        """Give one of the lists, filled up to a length with 0, blocks with -1."""
        values: list[int] = getattr(self, name)
        return values + [-1 if name == "blocks" else 0] * (length - len(values))


def visible(blocks: Tensor) -> Tensor:
    """Give what each token sees: its block so far and, if the block is odd, the picture.

    Args:
        blocks: Block of each token (pictures, length).

    Returns:
        A boolean mask (pictures, 1, length, length), rows looking at columns.
    """
    length = blocks.shape[1]
    row, column = blocks[:, :, None], blocks[:, None, :]
    before = torch.ones(length, length, dtype=torch.bool).tril()
    return (before & ((row == column) | ((column == 0) & (row % 2 == 1))))[:, None]


def patch_labels(scene: Scene) -> NDArray[np.int64]:
    """Label a scene's patches: `LABEL_SIZES` kinds by 64 patches."""
    side = SIDE // PATCH
    labels = np.zeros((len(LABEL_SIZES), side, side), np.int64)
    for shape in scene.shapes:
        top, left = shape.y // CELL * 2, shape.x // CELL * 2
        values = (
            SHAPES.index(shape.kind) + 1,
            COLORS.index(shape.color) + 1,
            1 + (shape.size == "large"),
        )
        labels[:3, top : top + 2, left : left + 2] = np.array(values)[:, None, None]
    for sign in scene.signs:
        letters = [CHARACTERS.index(character) + 1 for character in sign.text.upper()]
        labels[3, sign.row, sign.column : sign.column + len(letters)] = letters
    labels[4], labels[5] = np.arange(side)[None, :], np.arange(side)[:, None]
    return labels.reshape(len(LABEL_SIZES), -1)


def patch_names(words: PreTrainedTokenizerFast, scene: Scene) -> NDArray[np.int64]:
    """Name what is in a scene's patches: colour and shape of a cell, word or digit of a sign.

    Args:
        words: The tokenizer.
        scene: The scene.

    Returns:
        Two tokens for each of 64 patches, 0 for none.
    """
    side = SIDE // PATCH
    names = np.zeros((side, side, 2), np.int64)
    for shape in scene.shapes:
        top, left = shape.y // CELL * 2, shape.x // CELL * 2
        pair = [_only_token(words, f" {shape.color}"), _only_token(words, f" {shape.kind}")]
        names[top : top + 2, left : left + 2] = pair
    for sign in scene.signs:
        for place, character in enumerate(sign.text):
            name = sign.text if sign.text.isalpha() else character
            names[sign.row, sign.column + place] = _only_token(words, name)
    return names.reshape(-1, 2)


def _only_token(words: PreTrainedTokenizerFast, text: str) -> int:
    """Give the token of a text; 0 if it takes several."""
    tokens: list[int] = words(text, add_special_tokens=False)["input_ids"]
    return tokens[0] if len(tokens) == 1 else 0
