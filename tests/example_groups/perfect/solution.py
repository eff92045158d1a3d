"""Right in everything: the distance to each class's mean."""

import numpy as np

FRAMEWORK = "numpy"


class Model:
    def __init__(self, means):
        self.means = means


def scale(x):
    return x - x.mean(0)


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
