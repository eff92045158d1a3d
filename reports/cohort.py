"""Statistics of a cohort's marks, for staff: mean, spread and quartiles, and how many people are in each class.

Each person counts once, as on the mark sheet. People without a mark enter no mean and are counted separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from assignments.assignment import MASTERS, Assignment
from reports.bands import band_of, bands
from reports.numbers import half_up

if TYPE_CHECKING:  # pandas takes 0.3 s
    import pandas

SUMMARY_COLUMNS: Final = ("people", "mean", "sd", "min", "q1", "median", "q3", "max", "out_of")


def summary_table(sheet: pandas.DataFrame, assignment: Assignment) -> pandas.DataFrame:
    """One row for the mark in per cent and for each criterion's points: `SUMMARY_COLUMNS`, to two decimals, half up.

    `sd` is that of a sample (n - 1); quartiles are interpolated between the two nearest people (pandas' `linear`).
    A value of no people, and the spread of one person, is NaN.
    """
    out_of = {f"criterion_{criterion.id}": criterion.points for criterion in assignment.criteria}
    return summary_of(sheet, {"percent": 100, **out_of})


def summary_of(sheet: pandas.DataFrame, out_of: Mapping[str, int]) -> pandas.DataFrame:
    """The same for any columns of numbers, each with the most that it can be."""
    numbers = sheet[[*out_of]].astype(float)
    table = numbers.describe(percentiles=[0.25, 0.5, 0.75]).T
    table.columns = list(SUMMARY_COLUMNS[:-1])
    table = table.map(lambda number: _rounded(number, 2))
    table["people"] = table["people"].astype(int)
    table["out_of"] = [float(most) for most in out_of.values()]
    return table.rename_axis("of").reset_index()


def distribution_table(sheet: pandas.DataFrame, assignment: Assignment) -> pandas.DataFrame:
    """People by class, from the lowest, then by why they have no mark; `share` is of those with a mark.

    An empty class has a row too. A person with their own pass mark is classed by it.
    """
    return distribution_of(sheet, assignment.level)


def distribution_of(sheet: pandas.DataFrame, level: int) -> pandas.DataFrame:
    """The same for people of one level of study, whatever they were marked for."""
    import pandas

    marked, others = sheet[sheet["percent"].notna()], sheet[sheet["percent"].isna()]
    classes = [
        band_of(percent, level, int(pass_mark)).name
        for percent, pass_mark in zip(marked["percent"], marked["pass_mark"], strict=True)
    ]
    names = list(dict.fromkeys(band.name for band in bands(level)))
    other = MASTERS - 1 if level == MASTERS else MASTERS
    names += [band.name for band in bands(other) if band.name in set(classes) - set(names)]
    people = pandas.Series(classes, dtype=object).value_counts().reindex(names, fill_value=0)
    share = (people / (len(classes) or float("nan"))).map(lambda part: _rounded(part, 4))
    rows: list[Sequence[object]] = [("class", name, int(people[name]), float(share[name])) for name in names]
    without = others["status"].value_counts()
    rows += [("no mark", str(status), int(count), float("nan")) for status, count in without.items()]
    return pandas.DataFrame(rows, columns=["kind", "name", "people", "share"])


def counts_by_mark(percents: Iterable[Decimal], width: int) -> list[int]:
    """People by marks in parts of so many per cent, from 0 on; the last part has 100 too."""
    counts = [0] * (100 // width)
    for percent in percents:
        counts[min(int(percent // width), len(counts) - 1)] += 1
    return counts


def _rounded(number: float, decimals: int) -> float:
    return number if number != number else float(half_up(number, decimals))
