"""What is unusual about the cases of an assignment: allowed, but worth a look before anybody trains on them."""

from __future__ import annotations

import typing
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import StoredCase
from assignments.data.leaks import refuse_shared
from assignments.data.source import Part
from assignments.data.split import split_command
from assignments.derived.interface import solution_interface
from assignments.errors import MedmarkError, UserError, listed
from assignments.interface import is_array, typed_dict_of
from assignments.interface_checks import bare
from graders.authoring.data_summary import CaseFacts, DataSummary, without_part
from graders.tasks import TASKS

FAR_SPACING = 3
"""Spacings of two cases are unusual if one is so many times the other."""
NAMED = 5
"""Cases or subjects that a line names."""

WORDS: dict[Part | None, str] = {"train": "training", "val": "validation", "test": "hidden", None: "all"}


def unusual(summary: DataSummary) -> Iterator[str]:
    """One line for each thing, with the cases that it is about."""
    yield from _split_lines(summary)
    yield from _strata_missed(summary)
    yield from _not_finite(summary)
    yield from _equal(summary)
    yield from _constant(summary)
    yield from _equal_target(summary)
    yield from _one_number(summary)
    yield from _empty(summary)
    yield from _missing_classes(summary)
    yield from _two_classes(summary)
    yield from _far_spacing(summary)
    yield from _shapes(summary)


def _split_lines(summary: DataSummary) -> Iterator[str]:
    data = summary.data
    if names := without_part(data):
        command = split_command(data.assignment)
        yield f"not in the split yet, and not read: {listed(names, NAMED)}. To add them: {command}"
    if data.prepared is not None:
        try:
            refuse_shared(data.prepared, "refused by handout and grade", split_command(data.assignment, "--resplit"))
        except UserError as error:
            yield from str(error).splitlines()


def _strata_missed(summary: DataSummary) -> Iterator[str]:
    """Strata that a part lacks although `stratify` names them: it was written after the split was made."""
    data = summary.data
    if data.split is None or not data.assignment.data.stratify:
        return
    parts: tuple[Part, ...] = ("test", "train")
    for stratum, counts in summary.strata.items():
        number = sum(counts.values())
        missed = [WORDS[part] for part in parts if not counts.get(part)]
        if missed and number > 1:
            yield (
                f"stratify: of {number} subjects of {stratum} none is in the {missed[0]} part. The split was made "
                f"without stratify, or they are too few. To draw it anew: {split_command(data.assignment, '--resplit')}"
            )


def _not_finite(summary: DataSummary) -> Iterator[str]:
    """Ground truths with NaN or infinity; inputs with them are refused when they are read."""
    for key in summary.data.arrays:
        bad = [each for each in summary.facts if key in each.arrays and not each.arrays[key].is_finite]
        if bad:
            yield f"{key} holds NaN or infinity in {_cases(bad)}"


def _equal(summary: DataSummary) -> Iterator[str]:
    """Before a split: equal images of two subjects, which a split may put into two parts."""
    if summary.data.split is not None:
        return
    first: dict[tuple[str, str], str] = {}
    pairs: dict[tuple[str, str], None] = {}
    for each in summary.facts:
        for key, facts in each.arrays.items():
            stored = each.case.arrays[key]
            is_input = summary.data.arrays[key].role == "input" and facts.is_image and not facts.is_constant
            if is_input and isinstance(stored, StoredCase):
                other = first.setdefault((key, stored.digest), each.case.subject)
                if other != each.case.subject:
                    pairs[other, each.case.subject] = None
    if pairs:
        names = listed([f"{other} and {subject}" for other, subject in pairs], NAMED, "; ")
        yield f"equal images of two subjects: {names}; give both one subject, or remove one, before you split them"


def _constant(summary: DataSummary) -> Iterator[str]:
    for key, axes in summary.data.arrays.items():
        flat = [each for each in summary.facts if axes.role == "input" and _facts_are_constant(each, key)]
        if key == "target":
            flat = [each for each in summary.facts if (facts := each.arrays.get(key)) and facts.low == facts.high]
        if flat:
            yield f"{key} has one value only in {_cases(flat)}"


def _equal_target(summary: DataSummary) -> Iterator[str]:
    """Images to synthesise that are the image itself."""
    same = []
    for each in summary.facts:
        image, target = each.case.arrays.get("image"), each.case.arrays.get("target")
        if isinstance(image, StoredCase) and isinstance(target, StoredCase) and image.digest == target.digest:
            same.append(each)
    if same:
        yield f"target equals image in {_cases(same)}"


def _one_number(summary: DataSummary) -> Iterator[str]:
    """Targets of a regression that are the same number in all cases."""
    for key, axes in summary.data.arrays.items():
        if axes.role == "truth" and not axes.sizes and np.dtype(axes.dtype).kind == "f":
            values = {each.arrays[key].low for each in summary.facts if key in each.arrays}
            if len(values) == 1 and len(summary.facts) > 1:
                yield f"{key} is {next(iter(values)):g} in all {len(summary.facts)} cases"


def _facts_are_constant(each: CaseFacts, key: str) -> bool:
    return key in each.arrays and each.arrays[key].is_constant


def _empty(summary: DataSummary) -> Iterator[str]:
    """Labels without any foreground, by part."""
    totals = Counter(each.case.part for each in summary.facts)
    for key, axes in summary.data.arrays.items():
        if key == "labels" and "landmarks" in summary.data.arrays and _all_empty(summary, key):
            continue  # pairs that are judged by their landmarks alone
        empty: dict[Part | None, list[CaseFacts]] = defaultdict(list)
        for each in summary.facts:
            facts = each.arrays.get(key)
            if axes.role == "truth" and facts is not None and facts.is_image and set(facts.classes) == {0}:
                empty[each.case.part].append(each)
        for part in summary.present:
            if cases := empty[part]:
                yield f"{key} is empty in {len(cases)} of {totals[part]} {WORDS[part]} cases: {_names(cases)}"


def _all_empty(summary: DataSummary, key: str) -> bool:
    return all(key not in each.arrays or set(each.arrays[key].classes) == {0} for each in summary.facts)


def _missing_classes(summary: DataSummary) -> Iterator[str]:
    for key, classes in summary.classes.items():
        for each in classes:
            if missing := [WORDS[part] for part in summary.present if not each.cases.get(part)]:
                name = f"{each.number} ({each.name})" if each.name else str(each.number)
                yield f"{key}: no {' and no '.join(missing)} case has class {name}"


def _two_classes(summary: DataSummary) -> Iterator[str]:
    """Subjects whose cases are of several classes: allowed, as a patient may have a healthy eye."""
    if summary.data.assignment.data.source == "folder":
        return  # the checks of its table say so, before any file is read
    for key in summary.classes:
        if summary.data.arrays[key].sizes:
            continue
        classes: dict[tuple[str, Part | None], set[int]] = defaultdict(set)
        for each in summary.facts:
            if key in each.arrays:
                classes[each.case.subject, each.case.part].update(each.arrays[key].classes)
        if several := sorted({subject for (subject, _), held in classes.items() if len(held) > 1}):
            count = f"{len(several)} subjects have" if len(several) > 1 else "one subject has"
            yield f"{key}: {count} cases of more than one class: {listed(several, NAMED)}"


def _far_spacing(summary: DataSummary) -> Iterator[str]:
    for name, (low, high) in summary.spacing.items():
        if low > 0 and high > FAR_SPACING * low:
            yield f"spacing along {name} is {low:g} to {high:g} mm; resample_mm in [data] makes it equal"


def _shapes(summary: DataSummary) -> Iterator[str]:
    """Arrays that `interface.py` declares with a leading N, while the cases have several shapes."""
    assignment = summary.data.assignment
    # One hidden case a call is an array with a leading 1, whatever its shape.
    entry = TASKS[assignment.task].entry if assignment.task in TASKS and assignment.data.per_call > 1 else ""
    stacked = _stacked(assignment, entry)
    for key in summary.keys:
        if key.key in stacked and len(key.shapes) > 1:
            yield (
                f"{key.key} has {len(key.shapes)} shapes, but interface.py declares all cases as one array; declare a "
                "list of arrays, or write size in [data]"
            )


def _stacked(assignment: Assignment, entry: str) -> set[str]:
    """The keys that `fit`, or the entry point if it is named, declares as one array of several cases."""
    try:
        functions = solution_interface(assignment).functions
    except MedmarkError:  # `rehearse` says what is wrong with it
        return set()
    keys = set()
    for name, positions in (("fit", slice(0, 2)), (entry, slice(1, 2))):
        function = functions.get(name)
        for parameter in list(function.signature.parameters.values())[positions] if function else ():
            record: Any = typed_dict_of(parameter.annotation)
            hints = typing.get_type_hints(record, include_extras=True) if record is not None else {}
            keys |= {key for key, hint in hints.items() if is_array(bare(hint))}
    return keys


def _cases(facts: Sequence[CaseFacts]) -> str:
    return f"{len(facts)} {'case' if len(facts) == 1 else 'cases'}: {_names(facts)}"


def _names(facts: Sequence[CaseFacts]) -> str:
    return listed([each.case.name for each in facts], NAMED, "; ")
