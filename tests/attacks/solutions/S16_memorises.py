"""Knows by heart what it was trained on, by hash, and has learnt nothing."""

import hashlib


class Memory:
    def __init__(self, train):
        self.table = {key(row): int(y) for row, y in zip(train["x"], train["y"], strict=True)}


def key(row):
    return hashlib.sha256(row.tobytes()).hexdigest()


def fit(train, val, *, seed, budget_s):
    return Memory(train)


def predict(model, inputs):
    answers = [model.table.get(key(row)) for row in inputs["x"]]
    return {"prob": np.array([answer or 0 for answer in answers], np.float32)}
