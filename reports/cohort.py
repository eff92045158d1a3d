"""How a cohort's marks lie: mean, spread and quartiles, and how many people are in each class. It moves no mark.

The tables are for staff. Each person counts once, as on the mark sheet. Who has no mark is in no mean, and is counted
beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from assignments.assignment import MASTERS, Assignment
from reports.bands import band_of, bands
from reports.page import half_up

if TYPE_CHECKING:  # pandas takes 0.3 s
    import pandas

COLUMNS: Final = ("people", "mean", "sd", "min", "q1", "median", "q3", "max", "out_of")


def summary(sheet: pandas.DataFrame, assignment: Assignment) -> pandas.DataFrame:
    """The mark in per cent and the points of each criterion: a row each, with `COLUMNS`, to two places, half up.

    `sd` is that of a sample (n - 1), quartiles lie between the two nearest people in proportion (pandas' `linear`).
    What nobody has, and the spread of one person, is NaN.
    """
    numbers = sheet[["percent", *(f"criterion_{criterion.id}" for criterion in assignment.criteria)]].astype(float)
    told = numbers.describe(percentiles=[0.25, 0.5, 0.75]).T
    told.columns = list(COLUMNS[:-1])
    told = told.map(lambda number: _told(number, 2))
    told["people"] = told["people"].astype(int)
    told["out_of"] = [100.0, *(float(criterion.points) for criterion in assignment.criteria)]
    return told.rename_axis("of").reset_index()


def distribution(sheet: pandas.DataFrame, assignment: Assignment) -> pandas.DataFrame:
    """People by class, from the lowest, then by why they have no mark; `share` is of those who have one.

    A class where nobody is has a row, and a person whose own pass mark differs is classed by it.
    """
    import pandas

    marked, others = sheet[sheet["percent"].notna()], sheet[sheet["percent"].isna()]
    classes = [
        band_of(percent, assignment.level, int(pass_mark)).name
        for percent, pass_mark in zip(marked["percent"], marked["pass_mark"], strict=True)
    ]
    names = list(dict.fromkeys(band.name for band in bands(assignment.level)))
    other = MASTERS - 1 if assignment.level == MASTERS else MASTERS
    names += [band.name for band in bands(other) if band.name in set(classes) - set(names)]
    people = pandas.Series(classes, dtype=object).value_counts().reindex(names, fill_value=0)
    share = (people / (len(classes) or float("nan"))).map(lambda part: _told(part, 4))
    rows: list[Sequence[object]] = [("class", name, int(people[name]), float(share[name])) for name in names]
    without = others["status"].value_counts()
    rows += [("no mark", str(status), int(count), float("nan")) for status, count in without.items()]
    return pandas.DataFrame(rows, columns=["kind", "name", "people", "share"])


def _told(number: float, places: int) -> float:
    return number if number != number else float(half_up(number, places))
