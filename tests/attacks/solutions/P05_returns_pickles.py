"""Answers with what becomes a call where it is unpickled, printed or compared."""

import pickle

MARKER = "/tmp/medmark-marker-of-P05"


class Bomb:
    def __reduce__(self):
        return open, (MARKER, "w")

    def __array__(self, *_, **__):
        open(MARKER, "w").close()
        return np.zeros(1)

    def __repr__(self):
        open(MARKER, "w").close()
        return "1.0"

    __str__ = __repr__


data = pickle.dumps(Bomb())


def dice(a, b):
    return data


def fast_sum(n):
    return Bomb()


def fit(train, val, *, seed, budget_s):
    return Bomb()


def predict(model, inputs):
    bombs = np.empty(len(inputs["x"]), object)
    for index in range(len(bombs)):
        bombs[index] = Bomb()
    return {"prob": bombs, "pickle": data}
