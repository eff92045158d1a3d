"""Right, but prints a hundred megabytes."""

import numpy as np

FRAMEWORK = "numpy"


class Model:
    def __init__(self, means):
        self.means = means


def loss(prob, y):
    return float(np.abs(prob - y).mean())


def fit(train, val, *, seed, budget_s):
    return Model(np.stack([train["x"][train["y"] == k].mean(0) for k in (0, 1)]))


def predict(model, inputs):
    far = ((inputs["x"][:, None] - model.means) ** 2).sum(-1)
    return {"prob": (1 / (1 + np.exp(far[:, 1] - far[:, 0]))).astype(np.float32)}


def save(model, folder):
    np.save(folder + "/means.npy", model.means)


def load(folder):
    return Model(np.load(folder + "/means.npy"))


def scale(x):
    import os

    for _ in range(100):
        os.write(1, b"x" * (1 << 20))
    return x - x.mean(0)
