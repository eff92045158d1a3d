"""Right in everything; its model is a list of arrays."""

import numpy as np

FRAMEWORK = "numpy"


def scale(x):
    return x - x.mean(0)


def loss(prob, y):
    return float(np.abs(prob - y).mean())


def fit(train, val, *, seed, budget_s):
    low, high = (train["x"][train["y"] == k].mean(0) for k in (0, 1))
    return [low, high]


def predict(model, inputs):
    assert type(model) is list, type(model)
    low, high = model
    far = [((inputs["x"] - mean) ** 2).sum(-1) for mean in (low, high)]
    return {"prob": (1 / (1 + np.exp(far[1] - far[0]))).astype(np.float32)}


def save(model, folder):
    np.save(folder + "/model.npy", np.stack(model))


def load(folder):
    low, high = np.load(folder + "/model.npy")
    return [low, high]
