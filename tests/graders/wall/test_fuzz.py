"""Whatever bytes come over the wire, only a value or a named failure comes out: soon, and leaving no memory behind.

Hypothesis draws sound frames of all kinds; each is then spoiled in ten ways, in its bytes and in its words. `make test`
tries 5,000 inputs of each test, the same every time; `make fuzz` 200,000, others every time.
"""

import gc
import json
import os
import random
import re
import resource
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool, Float, Float32, UInt8

from assignments.assignment import Limits
from assignments.interface import MayBeEmpty, Model, NotFinite, Range
from graders.failures import EngineFailure, ImageFailure, SubmissionFailure
from graders.marks.words import cause_words
from graders.record.documents import Cause
from graders.wall.inside import values
from graders.wall.outcome import read_answer
from graders.wall.replies import typed
from graders.wall.sandboxes.sandbox import Ending
from graders.wall.session import Session, Worker
from graders.wall.wire import split
from tests.scripted import frame, keeper_reply

INPUTS = int(os.environ.get("MEDMARK_FUZZ", "5000"))
ALWAYS_THE_SAME = "MEDMARK_FUZZ" not in os.environ
SPOILED = 10
"""Ways in which each drawn frame is spoiled."""
ROUND = 5000
"""Inputs of one run of Hypothesis, whose record of what it drew grows with every example."""
SOON_CPU_S, SOON_S = 1.0, 10.0
GROWTH_MB = 20.0
FUZZ = settings(
    max_examples=min(INPUTS, ROUND) // SPOILED,
    deadline=None,
    database=None,
    derandomize=ALWAYS_THE_SAME,
    suppress_health_check=list(HealthCheck),
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS = st.sampled_from(["?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"])
ARRAY = KINDS.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), TEXT, ARRAY, st.builds(object)
)  # fmt: skip
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS_OF_ANSWER = ("value", "value", "value", "raised", "missing", "unsupported", "misused", "unsendable")
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\[\]{},:"]+')
HOSTILE = [
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"5e-324", b"9" * 10_000, b"18446744073709551616", b"-1", b"true", b"null",
    b'""', b'"\\ud800"', b'"\\u0000"', b'"\\u202e"', b"[" * 2_000, b"[" * 70 + b"]" * 70, b'{"a":0}', b'{"a":-1}',
    b'{"h":1,"is":"x"}', b'{"f":"nan"}', b'{"t":[]}', b'{"d":{"a":1,"a":2}}', b"[1099511627776]", b"[0,4294967296]",
    b'["|O",[1]]', b'["<f8",[-1]]', b'["<f8",[1250000000000]]', b'"kind"', b'"value"', b'"arrays"', b'"id"',
    b'"raised"', b'"importing"', b'"../../etc/passwd.py"', b"[" + b"0," * 20_000 + b"0]",
]  # fmt: skip


class Rows(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]


class Scaler:
    """A class of an interface."""


HINTS: list[Any] = [
    Any, None, bool, int, float, str, Model, Scaler, Rows, list, dict, tuple, list[int], tuple[int, float],
    dict[str, float], float | None, Float[np.ndarray, "n"], Float32[np.ndarray, "n d"] | None, Bool[np.ndarray, "..."],
    Annotated[UInt8[np.ndarray, "n n"], Range(0, 2)], Annotated[float, NotFinite()],
    Annotated[Float[np.ndarray, "k 3"], MayBeEmpty(), NotFinite()], list[Float[np.ndarray, "n"]], tuple[Model, float],
    dict[str, Model], Model | None, dict[str, Annotated[UInt8[np.ndarray, "..."], MayBeEmpty()]],
]  # fmt: skip


def sound(value, kind, rng):
    """Head and body of an answer as a worker encodes it, of this kind."""
    encoder = values.Encoder(lambda _: 7)
    node = encoder.encode(value)
    head = {"id": 1, "kind": kind, "value": node, "arrays": encoder.arrays}
    if kind != "value":
        words = ["ValueError", "solution.py", 3, True, None, "\u202e\x1b[2J", node]
        keys = ("builtin", "type", "message", "file", "line", "module", "trace", "importing", "name", "why", "large")
        head |= {key: rng.choice(words) for key in keys}
    return json.dumps(head, ensure_ascii=False).encode(), b"".join(bytes(part) for part in encoder.parts)


def spoiled(head, body, rng):
    """A frame of these: words changed and lengths made to fit, or bytes changed and lengths left as they are."""
    how = rng.randrange(8)
    if how < 4:
        tokens = TOKENS.findall(head)
        inside = next((i for i, token in enumerate(tokens) if token == b'"value"'), 0) + 2
        for _ in range(rng.choice((1, 1, 1, 3))):
            # Most changes within the value: a frame without its id or kind is refused before its value is looked at.
            at = rng.randrange(min(inside, len(tokens) - 1) if rng.randrange(3) else 0, len(tokens))
            other = rng.randrange(len(tokens))
            change = rng.randrange(4)
            if change == 0:
                tokens[at] = rng.choice(HOSTILE)
            elif change == 1:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            elif change == 2:
                tokens[at : at + 1] = [] if len(tokens) > 1 else [b"{}"]
            else:
                tokens[at:at] = tokens[other : other + rng.randrange(1, 6)]
        body = body if rng.randrange(6) else body[: rng.randrange(len(body) + 1)] + rng.randbytes(rng.randrange(9))
        return frame(b"".join(tokens), body)
    data = bytearray(frame(head, body))
    if how < 7:
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            data = data or bytearray(1)
        return bytes(data)
    return rng.randbytes(rng.randrange(200)) if rng.randrange(2) else bytes(data[: rng.randrange(len(data))])


class Bytes:
    """A channel that takes everything, says these bytes in pieces, and hangs up."""

    def __init__(self, data, rng):
        self.data, self.rng = memoryview(data), rng

    def fileno_in(self):
        return -1

    fileno_out = fileno_in

    def write(self, data):
        return len(data)

    def readinto(self, view):
        if not self.data:
            return None
        count = min(len(view), len(self.data), self.rng.randrange(1, 64))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def ending(self):
        return Ending(0, False, "no more output")


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


class Watched:
    """Each input's time, and the memory of the process from the time when a fifth of them were tried."""

    def __init__(self):
        self.tried, self.slowest, self.costliest, self.warm = 0, 0.0, 0.0, 0.0

    def __enter__(self):
        self.began, self.cpu_began = time.perf_counter(), time.thread_time()

    def __exit__(self, *_):
        self.slowest = max(self.slowest, time.perf_counter() - self.began)
        self.costliest = max(self.costliest, time.thread_time() - self.cpu_began)
        self.tried += 1
        if self.tried == INPUTS // 5:
            self.warm = resident_mb()

    def run(self, fuzzed):
        """All rounds, and the verdict on them."""
        while self.tried < INPUTS - SPOILED:
            before = self.tried
            fuzzed()
            assert self.tried > before, f"only {self.tried} inputs could be drawn"
        gc.collect()
        assert self.costliest < SOON_CPU_S
        assert self.slowest < SOON_S
        assert resident_mb() - self.warm < GROWTH_MB


def end_of(raw, solution, hint):
    """The text that a student would read for a worker's frame; empty where it is an answer of this type."""
    try:
        words, body = split(memoryview(raw))
        typed(read_answer(words, body, solution)[0], hint, lambda reference, hint: reference)
    except SubmissionFailure as failure:
        return cause_words(Cause.of(failure))
    return ""


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured by /proc")


@needs_proc
def test_spoiled_frames_of_a_worker_end_in_a_value_or_in_the_submissions_failure(tmp_path):
    (tmp_path / "solution.py").write_text("a = 1\nb = 2\nc = 3\n")
    watched, ends = Watched(), {"value": 0, "failure": 0}

    @FUZZ
    @given(VALUE, st.sampled_from(KINDS_OF_ANSWER), st.integers(0, 2**32))
    def fuzzed(value, kind, seed):
        rng = random.Random(seed)
        head, body = sound(value, kind, rng)
        for _ in range(SPOILED):
            raw = spoiled(head, body, rng)
            with watched:
                header = end_of(raw, tmp_path, rng.choice([Any, rng.choice(HINTS)]))
            assert "\x1b" not in header, "what a student reads is made of our words"
            ends["failure" if header else "value"] += 1

    watched.run(fuzzed)
    assert min(ends.values()) > INPUTS / 100, f"one side of the decoder was hardly tried: {ends}"


@needs_proc
def test_spoiled_frames_of_a_keeper_end_in_an_answer_or_in_a_failure_with_a_name():
    watched, ends = Watched(), {"answer": 0, "failure": 0}
    outcomes = ("replied", "died", "violated", "gone", "ended", "ready", "broken")

    @FUZZ
    @given(st.sampled_from(outcomes), st.sampled_from(["cpu", "wall", "size", None]), st.integers(0, 2**32))
    def fuzzed(outcome, stopped, seed):
        rng = random.Random(seed)
        header, _ = keeper_reply(outcome, stopped=stopped, info={"forks": True}, text="two threads")
        inner = frame({"id": 5, "kind": "value", "value": [1, 2.5], "arrays": []})
        for _ in range(SPOILED):
            raw = spoiled(json.dumps({"id": 5, **header}).encode(), inner, rng)
            with watched:
                session = Session(Bytes(raw, rng), Limits(reply_mb=1))
                try:
                    verb = rng.choice(["begin", "worker", "call"])
                    if verb == "begin":
                        session._ask({"verb": "begin", "id": 5}, [], 5.0)
                    else:
                        session._exchange(Worker(1, 1.0, 4.0), {"verb": verb, "id": 5}, [])
                    ends["answer"] += 1
                except (SubmissionFailure, EngineFailure, ImageFailure):
                    ends["failure"] += 1

    watched.run(fuzzed)
    assert min(ends.values()) > INPUTS / 200, f"one side was hardly tried: {ends}"
