"""Training sees what the model is later asked with, and nothing else."""

from dataclasses import replace

import pytest

from evalkit.demo.lessons import page

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def words():
    from evalkit.demo import architecture

    return architecture.tokenizer(lesson.prompt for n in range(50) for lesson in page(0, n).seen)


def test_lessons_do_not_see_each_other():
    from evalkit.demo.batches import visible

    mask = visible(torch.tensor([[0, 1, 1, 3, 4, -1]]))[0, 0].int().tolist()
    assert mask == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 0, 1],
    ]


def test_a_packed_batch_costs_what_its_lessons_cost_one_by_one(words):
    from evalkit.demo import architecture, batches, train

    torch.manual_seed(0)
    model = architecture.model(words).eval()
    first, second = (replace(drawn, seen=drawn.seen[:2]) for drawn in (page(0, 1), page(0, 2)))
    losses, sizes = [], []
    for drawn in (first, second):
        for kind in ("seen", "unseen"):
            for lesson in getattr(drawn, kind):
                alone = {"seen": (), "unseen": (), kind: (lesson,)}
                batch = batches.pack(words, [type(drawn)(drawn.scene, **alone)])
                losses.append(train.answer_loss(model, batch)[0].item())
                sizes.append(len(batch.answers))
    packed = train.answer_loss(model, batches.pack(words, [first, second]))[0]
    mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
    assert packed.item() == pytest.approx(mean, rel=1e-4)


def test_a_lesson_is_taught_with_the_fact_it_hangs_on(words):
    from evalkit.demo.batches import _fact_token
    from evalkit.demo.prompts import Lesson

    said = Lesson("Is the circle red?", "yes", "red")
    quoted = Lesson('Is the word in the image "stop"?', "Yes", "stop")
    assert words.decode([_fact_token(words, said)]) == " red"
    assert words.decode([_fact_token(words, quoted)]) == "stop"
    assert _fact_token(words, Lesson("What color is the circle?", "red")) == 0


def test_facts_of_shapes():
    from evalkit.demo.lessons import _with_fact
    from evalkit.demo.prompts import Lesson
    from evalkit.demo.scenes import Scene, Shape

    scene = Scene(
        "white", (Shape("ring", "blue", "small", 8, 8), Shape("ring", "red", "small", 40, 8))
    )
    facts = {
        ("Is there a red ring in the image?", "Yes"): "red",
        ("Is there a green ring in the image?", "No"): "blue",
        ("Is there a circle?", "no"): "no",
        ("Is the ring left of the circle?", "yes"): "left",
        ("Is the ring left of the circle?", "no"): "right",
        ("What color is the ring?", "red"): "",
    }
    for (question, answer), fact in facts.items():
        assert _with_fact(scene, Lesson(question, answer)).fact == fact


def test_patch_labels_name_what_is_there():
    from evalkit.demo.batches import patch_labels
    from evalkit.demo.scenes import Scene, Shape, Sign

    scene = Scene(
        "white", (Shape("square", "green", "large", 24, 8),), (Sign("a1", "black", "red", 3, 7),)
    )
    kind, color, size, letter, column, row = patch_labels(scene).reshape(6, 8, 8)
    assert kind[0, 2] == kind[1, 3] == 2
    assert color[1, 2] == size[0, 3] == 2
    assert kind.sum() == 8
    assert (column[5, 3], row[5, 3]) == (3, 5)
    assert letter[7, 3] == 1
    assert (letter > 0).sum() == 2


def test_training_runs_and_saves(words, tmp_path, monkeypatch):
    from evalkit.demo import train

    monkeypatch.setattr(train, "TOKENIZER_PAGES", 20)
    plan = train.Plan(steps=2, early_steps=1, batch_size=1)
    step, loss, model, learnt = list(train.train(plan))[-1]
    assert step == 2
    again = train.Plan(steps=1, early_steps=1, batch_size=1, start=tmp_path / "model")
    assert 0 < loss < 20
    train.save(model, learnt, tmp_path / "model")
    assert len(list(train.train(again))) == 1
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 8_000_000
