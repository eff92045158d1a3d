"""One NaN where a number was due."""

import numpy as np

FRAMEWORK = "numpy"


class Model:
    def __init__(self, means):
        self.means = means


def scale(x):
    return x - x.mean(0)


def fit(train, val, *, seed, budget_s):
    return Model(np.stack([train["x"][train["y"] == k].mean(0) for k in (0, 1)]))


def save(model, folder):
    np.save(folder + "/means.npy", model.means)


def load(folder):
    return Model(np.load(folder + "/means.npy"))


def loss(prob, y):
    return float("nan")


def predict(model, inputs):
    prob = np.full(len(inputs["x"]), 0.5, np.float32)
    prob[inputs["x"][:, 0] > 4] = np.nan
    return {"prob": prob}
