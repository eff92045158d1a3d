"""Splits a metric's name: `nsd@3mm@class1` is the form `nsd@#mm` with a chosen number and a class.

The metrics themselves are in `graders.metrics`. An author's own metric, "my_metrics.py:recall", has no form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASS = re.compile(r"(.*)@class([0-9]+)")
_NUMBER = re.compile(r"(.*@)([0-9]+(?:\.[0-9]+)?)([a-z]*)")


BY_SPACING = frozenset({
    "hd", "hd95", "hd@#", "hd@to_truth@#", "hd@to_answer@#", "hd95@medpy", "hd95@deepmind", "assd", "masd",
    "nsd@#mm", "nsd@voxel@#mm", "boundary_iou@#mm", "volume_difference@ml", "tre", "tre95",
})  # fmt: skip
"""Forms of the metrics that measure in mm or ml: they need the spacing of each case."""


@dataclass(frozen=True)
class MetricName:
    """A metric's name in its parts."""

    whole: str
    """Without the class: `nsd@3mm`."""
    form: str
    """Also without the number: `nsd@#mm`. Names of one form are the same metric."""
    number: float | None
    label: int | None
    """The single class of a label map that it measures."""


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
    """A name without the assignment's choices: that of `nsd@2mm` and of `nsd@3mm@class1` is `nsd@#mm`."""
    return metric_name(name).form
