"""Answers with JSON that costs or confuses its reader: nesting, digits, NaN, keys twice, half of a character."""

import sys

frames = sys.modules.get("medmark_inside.frames")


def deep():
    value = 0
    for _ in range(100_000):
        value = [value]
    return value


def dice(a, b):
    if frames:
        frames.head_bytes = lambda head: (
            b'{"id": %d, "kind": "value", "arrays": [], "value": 0.0, "value": 1.0, "x": NaN}' % head["id"]
        )
    return 0.0


def fast_sum(n):
    if frames:
        frames.head_bytes = lambda head: (
            b'{"id": %d, "kind": "value", "arrays": [], "value": %s}' % (head["id"], b"9" * 10_000)
        )
    return deep()


def predict(model, inputs):
    if frames:
        frames.head_bytes = lambda head: (
            b'{"id": %d, "kind": "value", "arrays": [], "value": %s}' % (head["id"], b"[" * 100_000)
        )
    return {"prob": "\ud800"}
