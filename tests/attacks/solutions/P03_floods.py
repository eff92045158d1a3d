"""Answers with far too much, and with a byte a second."""

import contextlib
import os
import time


def dice(a, b):
    return "A" * (10 << 20)


def fast_sum(n):
    if not os.path.isdir("/medmark"):
        return 0
    while True:
        for fd in range(3, 16):
            with contextlib.suppress(OSError):
                os.write(fd, b"\x01")
        time.sleep(1)


def predict(model, inputs):
    return {"prob": np.zeros((len(inputs["x"]), 1 << 20), np.float32)}
