"""Raises in files whose names and lines say what the hidden input was."""

import numpy as np

FRAMEWORK = "numpy"


class Model:
    def __init__(self, means):
        self.means = means


def fit(train, val, *, seed, budget_s):
    return Model(np.stack([train["x"][train["y"] == k].mean(0) for k in (0, 1)]))


def predict(model, inputs):
    far = ((inputs["x"][:, None] - model.means) ** 2).sum(-1)
    return {"prob": (1 / (1 + np.exp(far[:, 1] - far[:, 0]))).astype(np.float32)}


def save(model, folder):
    np.save(folder + "/means.npy", model.means)


def load(folder):
    return Model(np.load(folder + "/means.npy"))


def _leak(text):
    import os

    name = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"leak_{text}.py")
    kind = type(f"Leak_{text}", (ValueError,), {})
    exec(compile("\n" * 40 + "raise kind(text)", name, "exec"), {"kind": kind, "text": text})


def scale(x):
    _leak(x.ravel()[0].tobytes().hex())


def loss(prob, y):
    print("the input was", prob)
    _leak(str(prob[0]).replace(".", "_"))
