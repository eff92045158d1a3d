"""What contracts compute from answers: how far two are apart, and whether a model learnt anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST = 0.999
"""The share of all numbers that count: where an answer is cut at a threshold, rounding may move a few voxels of it."""
DRAWS = 6
"""How often cases are drawn before a model's answers count as all the same."""


def spread(answer: Array) -> float:
    """The largest number of an answer less its smallest."""
    return float(np.ptp(answer.astype(np.float64)))


def apart(answer: Array, other: Array) -> float:
    """How far another answer is from this one, as a share of this one's spread; of labels, the share that differs."""
    if answer.shape != other.shape:
        return float("inf")
    if answer.dtype.kind != "f":
        return float((answer != other).mean())
    difference = np.abs(answer.astype(np.float64) - other.astype(np.float64))
    return float(np.quantile(difference, MOST, method="higher")) / max(spread(answer), 1e-12)


def furthest(outputs: Sequence[Array], others: Sequence[Array]) -> float:
    """How far the outputs of two models are apart: of their answers, and of their logits where both show them.

    Where answers are as sure as they can be, only logits still tell two models from each other.
    """
    return max(apart(own, other) for own, other in zip(outputs, others, strict=False))


def between(calls: Any, cases: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Each case mixed with the next one: of cases in between no model is quite sure. The truth stays.

    Args:
        calls: The fixture `calls` of a worker.
    """
    keys = floats(calls, cases)
    new = {}
    for key in keys:
        share = rng.uniform(0.3, 0.7, (len(cases[key]), *(1 for _ in cases[key].shape[1:])))
        mixed = share * cases[key] + (1 - share) * np.roll(cases[key], 1, axis=0)
        new[key] = mixed.astype(cases[key].dtype)
    return changed(cases, keys, new)


def varied_cases(
    calls: Any,
    model: Any,
    small_cases: Callable[[int, np.random.Generator], Mapping[str, Array]],
    n: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Array], Array, bool]:
    """Cases in between, the model's answers for them, and whether those vary.

    Where one case in five differs from the others, eight cases may all be of one kind, and a sure model answers them
    alike. So other cases are drawn before anybody says that it has learnt nothing.

    Args:
        calls: The fixture `calls` of the worker that has the model.
        small_cases: The fixture.
        n: How many.
    """
    for _ in range(DRAWS):
        cases = between(calls, small_cases(n, rng), rng)
        answer = calls.answer(model, cases)
        if varies(calls, model, cases, answer):
            return cases, answer, True
    return cases, answer, False


def varies(calls: Any, model: Any, cases: Mapping[str, Array], answer: Array) -> bool:
    """Whether a model gives cases different answers, which are computed and not copied: of other models much is true.

    Args:
        calls: The fixture `calls` of the worker that has the model.
    """
    facts = calls.facts
    inputs = [cases[key] for key in facts.inputs]
    logits = calls.logits(model, cases)
    if any(np.array_equal(copy, own) for copy in (answer, logits) if copy is not None for own in inputs):
        return False
    if answer.dtype.kind != "f":
        return spread(answer) > 0
    truth = cases[facts.truth]
    if facts.probabilities:
        return spread(answer) > 0.05
    if truth.shape == answer.shape:
        return spread(answer) > 0.05 * spread(truth)
    return spread(answer) > 1e-3


def predicting_moves(calls: Any, model: Any, cases: Mapping[str, Array]) -> bool:
    """Whether the model's running averages move when it predicts, as they should only while it trains.

    Args:
        calls: The fixture `calls` of the worker that has the model.
    """
    before = calls.averages(model)
    calls.answer(model, cases)
    after = calls.averages(model)
    return before is not None and not all(map(np.array_equal, before, after))


def association(answer: Array, truth: Array) -> float:
    """The correlation of answers with the truth, -1 to 1: of (n,) with it as numbers, of (n, K) with each class."""
    expected = np.eye(answer.shape[1])[truth] if answer.ndim == 2 else truth.astype(np.float64)
    a, b = (each.astype(np.float64) - each.mean(axis=0, dtype=np.float64) for each in (answer, expected))
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0


def changed(cases: Mapping[str, Array], keys: tuple[str, ...], new: Mapping[str, Array]) -> dict[str, Array]:
    """Cases with other arrays at some of their keys."""
    return {**cases, **{key: new[key] for key in keys}}


def floats(calls: Any, cases: Mapping[str, Array], *, axes: int | None = None) -> tuple[str, ...]:
    """Names of the inputs that are measured: floats, with so many axes after the first (None: any), no voxel sizes."""
    names = (key for key in calls.facts.inputs if key != "spacing" and cases[key].dtype.kind == "f")
    return tuple(key for key in names if cases[key].ndim > 1 and (axes is None or cases[key].ndim == 1 + axes))
