"""Answers in other shapes."""

import numpy as np

FRAMEWORK = "numpy"


class Model:
    def __init__(self, means):
        self.means = means


def loss(prob, y):
    return float(np.abs(prob - y).mean())


def fit(train, val, *, seed, budget_s):
    return Model(np.stack([train["x"][train["y"] == k].mean(0) for k in (0, 1)]))


def save(model, folder):
    np.save(folder + "/means.npy", model.means)


def load(folder):
    return Model(np.load(folder + "/means.npy"))


def scale(x):
    return (x - x.mean(0)).T


def predict(model, inputs):
    return {"prob": np.full((len(inputs["x"]), 1), 0.5, np.float32)}
