"""What a contract is: a test that many assignments share, with the mistakes that it must catch.

A contract is a file of this folder. It defines `test_NAME`, whose docstring students read, and `CONTRACT`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from assignments.errors import MedmarkError

ENTRY: Final = "the entry point"
"""Stands for the function that answers for hidden cases, which is `predict` for most tasks."""


@dataclass(frozen=True)
class EditedReference:
    """The text of a reference solution, with what an edit has to know of its assignment."""

    text: str
    framework: str
    entry: str
    """The function that answers for hidden cases."""
    inputs: tuple[str, ...]
    """Names of the arrays that it receives, without `spacing`."""
    prediction: str
    """Name of the array in its answer that is scored."""
    exclusive: bool
    """Whether that array has a probability for each of several classes, (n, K), that add up to 1."""


class DoesNotApply(MedmarkError):
    """A reference cannot have the mistake; the text says why."""


@dataclass(frozen=True)
class CommonMistake:
    """A mistake that students make in any assignment, as an edit that needs no text of its reference."""

    id: str
    title: str
    advice: str
    """What a tutor says to a student who made it."""
    try_it: str
    """How students can see for themselves whether they made it."""
    edit: Callable[[EditedReference], str]
    """The text of the reference with the mistake in it; raises `DoesNotApply`."""
    scale: str | None = None
    """The units of the contract's terms for which it is a mistake; None for all."""


@dataclass(frozen=True)
class Contract:
    """What the loader has to know of a contract before it runs."""

    about: tuple[str, ...]
    """The functions of the solution that it asks; where all of them are handed out, it would earn points for nothing.
    """
    mistakes: tuple[CommonMistake, ...]
    calls: tuple[str, ...] = ("fit", ENTRY)
    """Every function that the interface must declare for it."""
    options: tuple[str, ...] = ()
    """Keys of the assignment's terms that it needs; it takes no others."""
    tasks: frozenset[str] | None = None
    """The tasks for which the question makes sense; None for all."""
    why: str = ""
    """Why it makes no sense for the others."""
    trained: bool = True
    """Whether it uses the model that the tests share."""
    trainings: int = 0
    """How often it calls `fit` in the worker of that model."""
    whole_batches: bool = False
    """Whether it passes several cases to the entry point in one call."""
