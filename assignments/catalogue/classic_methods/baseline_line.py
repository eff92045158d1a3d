"""A straight line through the head circumference."""

import numpy as np

FRAMEWORK = "numpy"
HC = 1  # the column of the head circumference


def fit(train, val, *, seed, budget_s):
    return np.polyfit(train["x"][:, HC].astype(np.float64), train["y"].astype(np.float64), 1)


def predict(model, inputs):
    return {"value": np.polyval(model, inputs["x"][:, HC]).astype(np.float32)}
