"""Two classes that differ in their first column; the canary stands where only the host may read."""

import numpy as np

from assignments.data.source import Axes

CANARY = "canary-in-the-cases"


ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}


def draw(n, rng):
    y = np.arange(n) % 2
    x = rng.normal(size=(n, 3)) + y[:, None] * np.array([4.0, 0.0, 0.0])
    groups = np.array([CANARY] * n)
    return {"x": x.astype(np.float32), "y": y.astype(np.uint8), "group": groups, "subject": np.arange(n)}
