"""Two classes that differ in the first column, with canaries that no student may ever read."""

import numpy as np

from assignments.data.source import Axes

IN_THE_LABELS = "canary-in-the-labels"
IN_THE_INPUTS = 0.84213579
"""In the last column of every row; as a float32 it is the bytes and the digits that leak."""


ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}


def draw(n, rng):
    y = rng.permutation(np.arange(n) % 2)
    x = 0.4 * rng.normal(size=(n, 3)) + y[:, None] * np.array([4.0, 0.0, 0.0])
    x[:, 2] = IN_THE_INPUTS
    groups = np.array([IN_THE_LABELS] * n)
    return {"x": x.astype(np.float32), "y": y.astype(np.uint8), "group": groups, "subject": np.arange(n)}
