"""Raises errors named like the marker's, whose text, name, place and cause are meant to be printed."""

import sys

CONTROL = "\x1b[2J\x1b]8;;http://example.invalid\x07"


class ToolkitFailure(Exception):
    """Not the marker's fault."""


class EngineFailure(ToolkitFailure):
    reason = cause_text = f"full marks {CONTROL}"

    def __str__(self):
        raise ToolkitFailure(f"carried out {CONTROL}")


EngineFailure.__module__, EngineFailure.__qualname__ = "graders.failures", f"EngineFailure{CONTROL}"


def dice(a, b):
    loop = ToolkitFailure(f"carried out {a.tolist()} {CONTROL}")
    loop.__cause__ = loop.__context__ = loop
    raise loop


def fast_sum(n):
    code = compile("raise Told", f"carried_out_{n}{CONTROL}.py", "exec")
    exec(code, {"Told": type(f"ValueError{CONTROL}", (ValueError,), {"__module__": "builtins"})(f"carried out {n}")})


def predict(model, inputs):
    sys.setrecursionlimit(10**6)
    raise EngineFailure(f"carried out {inputs['x'][0]}")
