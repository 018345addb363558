"""The prompt's digest: who says what counts, and that of a single user turn stays what it was."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from evalkit.prepare import _Asked
from evalkit.records import Generation, Image, Message, Request

texts = st.text(st.characters(codec="utf-8"), max_size=4)
turns = st.tuples(st.sampled_from(["system", "user", "assistant"]), st.lists(texts, max_size=3))
conversations = st.lists(turns, min_size=1, max_size=3)


def digest(*said):
    messages = tuple(Message(role=role, content=tuple(parts)) for role, parts in said)
    generation = Generation(max_new_tokens=4)
    asked = Request(task="t", sample_id="1", messages=messages, generation=generation)
    seen = _Asked()
    seen.seen(asked)
    return seen.digest.hexdigest()


def test_roles_and_turns_count():
    made = [
        digest(("user", ["A", "B"])),
        digest(("user", ["A"]), ("user", ["B"])),
        digest(("system", ["A"]), ("user", ["B"])),
        digest(("user", ["A"]), ("assistant", ["B"])),
        digest(("system", ["A", "B"])),
    ]
    assert len(set(made)) == len(made)


@given(conversations, conversations)
def test_equal_digests_are_equal_conversations(one, other):
    assert (digest(*one) == digest(*other)) == (one == other)


def test_a_single_user_turn_has_the_digest_that_stored_runs_hold():
    picture = Image(key="p.png", read=bytes)
    line = json.dumps(["1", [{"image": "p.png"}, "What?"]]) + "\n"
    assert digest(("user", [picture, "What?"])) == hashlib.sha256(line.encode()).hexdigest()
