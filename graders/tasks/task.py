"""What a task is: which arrays are asked for, what may be read from the answers. No task is defined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A kind of accuracy question. Answers and truths have a leading N."""

    name: str
    entry: str
    """The function that answers for the hidden cases."""
    truth: str
    """Name of the array that `entry` must not see."""
    beside: tuple[str, ...] = ()
    """Names of more arrays that it must not see, where the data have them. A task that names some has its truths as
    records (N,), a field for each array."""
    answer: str
    """Key of the reply that is scored."""
    check_truths: Callable[[Array], None]
    """Raises `DataFailure` where the truth is not what the task needs."""
    refused: Callable[[Array, Array], dict[int, str]]
    """(answers, truths) -> reason by position, for answers that cannot be scored; the others are valid."""
    failures: Callable[[Array, Array | None], Array]
    """(truths, valid answers or None) -> for each case the worst answer there is, in the answers' form."""
    probabilities: bool = True
    """Whether answers are probabilities, which are stored and scored as float16; other floats keep their precision."""
    readings: Mapping[str, Callable[[Array], Array]]
    """What metrics may read of valid answers, by `Metric.reads`: `mask`, `class`, ...; decisions are made here."""
    truths: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    """What they read of the truths in the same words, where that is not the truths as they are."""
    blind: Callable[[Mapping[str, Array], Array], dict[str, Array]]
    """(training arrays, truths) -> by name, what one can answer without looking at an input: the trivial baselines.
    Of the truths only number and shape are used."""
