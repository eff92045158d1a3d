"""One measurement: malignant where the mean radius is above a threshold.

The threshold is the one with the best balanced accuracy on the training rows.
"""

import numpy as np

FRAMEWORK = "numpy"
RADIUS = 0  # its column


def fit(train, val, *, seed, budget_s):
    radius, y = train["x"][:, RADIUS], train["y"]

    def accuracy(threshold):
        return np.mean([(radius[y == 1] >= threshold).mean(), (radius[y == 0] < threshold).mean()])

    return max(np.unique(radius), key=accuracy)


def predict(model, inputs):
    return {"prob": (inputs["x"][:, RADIUS] >= model).astype(np.float32)}
