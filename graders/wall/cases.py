"""Cases as arguments of a solution's functions, sent piece by piece: training cases need not lie in memory together.

Where `interface.py` declares `list[...]` for an array of cases, a solution receives a list with an array for each case;
else one array with a leading N. A column of cases is read while it is sent, one case at a time.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

import numpy as np

from assignments.data.columns import Cases, Column, one_by_one
from assignments.interface import Function, is_array, typed_dict_of


@dataclass(frozen=True)
class JoinedCases:
    """Cases of one size that are sent as one array with a leading N."""

    cases: Column
    name: str = "the argument"

    @property
    def stand_in(self) -> np.ndarray[Any, Any]:
        """An array of the same dtype and shape that takes no memory.

        Raises:
            TypeError: the cases differ, so that they cannot be one array.
        """
        kinds = {(np.dtype(case.dtype), case.shape) for case in self.cases.cases}
        if len(kinds) != 1:
            shapes = sorted({shape for _, shape in kinds})
            listed = f"{shapes[0]} to {shapes[-1]}" if len(shapes) > 1 else str(shapes)
            raise TypeError(
                f"{self.name}: cases of different sizes, {listed}, cannot be one array: declare a list of arrays"
            )
        dtype, shape = kinds.pop()
        return np.broadcast_to(np.zeros((), dtype), (len(self.cases), *shape))


def as_declared(arrays: Mapping[str, Cases], hint: Any) -> dict[str, Any]:
    """Arrays of cases as a parameter declares them: lists where its TypedDict has lists, else arrays.

    Cases of different sizes that it does not declare are lists too.
    """
    record = typed_dict_of(hint)
    fields = {} if record is None else typing.get_type_hints(record, include_extras=True)
    return {name: _as_declared(name, cases, fields.get(name)) for name, cases in arrays.items()}


def training_arguments(
    fit: Function, train: Mapping[str, Cases], val: Mapping[str, Cases] | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What `fit` receives of training and validation cases, as its declaration has it."""
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    hints = [each.annotation for each in fit.signature.parameters.values() if each.kind in positional]
    train_hint, val_hint = (*hints, Any, Any)[:2]
    return as_declared(train, train_hint), None if val is None else as_declared(val, val_hint)


def list_item(hint: Any) -> Any:
    """The array that each item of a declared list is; None where it is not a list of arrays."""
    parts = typing.get_args(hint)
    return parts[0] if typing.get_origin(hint) is list and is_array(parts[0]) else None


def _as_declared(name: str, cases: Cases, hint: Any) -> Any:
    undeclared = hint is None and isinstance(cases, Column) and len(set(cases.shapes)) > 1
    if undeclared or list_item(hint) is not None:
        return one_by_one(cases)
    return JoinedCases(cases, name) if isinstance(cases, Column) else cases


def stand_in(case: Any) -> np.ndarray[Any, Any]:
    """An array of a case's dtype and shape that takes no memory."""
    return np.broadcast_to(np.zeros((), case.dtype), case.shape)
