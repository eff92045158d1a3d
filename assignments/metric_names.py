"""How a metric's name is built: `nsd@3mm@class1` is the form `nsd@#mm` with a number of the assignment's and a class.

What the metrics are is known to `graders.metrics`; a file of an author's own, "my_metrics.py:recall", has no form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASS = re.compile(r"(.*)@class([0-9]+)")
_NUMBER = re.compile(r"(.*@)([0-9]+(?:\.[0-9]+)?)([a-z]*)")


@dataclass(frozen=True)
class MetricName:
    """A metric's name in its parts."""

    whole: str
    """Without the class: `nsd@3mm`."""
    form: str
    """Also without the number: `nsd@#mm`. Names of one form are one metric."""
    number: float | None
    label: int | None
    """The class of a map of labels that it is of alone."""


def metric_name(name: str) -> MetricName:
    """The parts of a name."""
    of_class = _CLASS.fullmatch(name)
    whole = of_class[1] if of_class else name
    label = int(of_class[2]) if of_class else None
    numbered = _NUMBER.fullmatch(whole)
    if numbered is None:
        return MetricName(whole, whole, None, label)
    return MetricName(whole, f"{numbered[1]}#{numbered[3]}", float(numbered[2]), label)


def metric_form(name: str) -> str:
    """A name without what an assignment chooses in it: `nsd@2mm` and `nsd@3mm@class1` are `nsd@#mm`."""
    return metric_name(name).form
