"""Classes that tests pass into a solution. They are public, and run beside it."""

import numpy as np


class Recorder:
    """A model for `learning_curve`: it predicts the mean of its labels, and records which rows it received."""

    def __init__(self):
        self.fitted, self.labels, self.predicted = [], [], []

    def fit(self, x, y):
        self.fitted.append(np.array(x))
        self.labels.append(np.array(y))
        self.predicted.append(None)  # until `predict` is called
        return self

    def predict(self, x):
        self.predicted[-1] = np.array(x)
        return np.full(len(x), self.labels[-1].mean(dtype=np.float64))

    def __deepcopy__(self, memo):
        return self  # whoever fits a copy for each size is recorded all the same
