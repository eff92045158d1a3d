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
    known = [model.table.get(key(row)) for row in inputs["x"]]
    return {"prob": np.array([one or 0 for one in known], np.float32)}
