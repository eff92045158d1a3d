"""What a task is: which arrays are asked for, what may be read from the answers. No task is defined here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """A kind of accuracy question. Answers and truths have a leading N."""

    name: str
    entry: str
    """The function that answers for the hidden cases."""
    truth: str
    """Name of the array that `entry` must not see."""
    answer: str
    """Key of the reply that is scored."""
    check_truths: Callable[[Array], None]
    """Raises `DataFailure` where the truth is not what the task needs."""
    refused: Callable[[Array, Array], dict[int, str]]
    """(answers, truths) -> reason by position, for answers that cannot be scored; the others are valid."""
    failures: Callable[[Array, Array | None], Array]
    """(truths, valid answers or None) -> for each case the worst answer there is, in the answers' form."""
    probabilities: bool = field(default=True, kw_only=True)
    """Whether answers are probabilities, which are stored and scored as float16; other floats keep their precision."""
    readings: Mapping[str, Callable[[Array], Array]]
    """What metrics may read of valid answers: `mask`, `class`, `probability`; decisions are made here."""
