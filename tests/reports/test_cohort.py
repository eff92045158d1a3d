"""A cohort's tables, against numbers worked by hand and the standard library's statistics."""

import math
import statistics
from decimal import Decimal

import pandas
import pytest

from reports.cohort import SUMMARY_COLUMNS, distribution_table, summary_table
from tests.reports.hand_made import assignment

PERCENTS = [35, 40, 52.5, 60, 71, 88]


def sheet(percents, status="withheld", pass_mark=40):
    """A mark sheet of people with these marks; None is a person who has none, for the reason given."""
    return pandas.DataFrame(
        {
            "status": ["marked" if percent is not None else status for percent in percents],
            "percent": [None if percent is None else Decimal(str(percent)) for percent in percents],
            "pass_mark": [Decimal(pass_mark)] * len(percents),
            "criterion_tests": [Decimal(20)] * len(percents),
            "criterion_accuracy": [None] * len(percents),
            "criterion_report": [None, *[Decimal(21)] * len(percents)][: len(percents)],
        },
        dtype=object,
    )


def row(table, of):
    return table.set_index("of").loc[of]


def test_the_summary_has_a_row_for_the_mark_and_each_criterion():
    table = summary_table(sheet(PERCENTS), assignment())
    assert table["of"].tolist() == ["percent", "criterion_tests", "criterion_accuracy", "criterion_report"]
    assert tuple(table.columns) == ("of", *SUMMARY_COLUMNS)
    assert table["out_of"].tolist() == [100, *(float(criterion.points) for criterion in assignment().criteria)]


def test_mean_spread_and_quartiles_are_those_of_the_marks():
    table = row(summary_table(sheet(PERCENTS), assignment()), "percent")
    assert table["people"] == 6
    assert table["mean"] == 57.75  # 346.5 / 6
    assert table["sd"] == round(statistics.stdev(PERCENTS), 2)
    # Of six in order, a quarter of the way is 1.25 steps from the first: 40 + 0.25 x 12.5, and 60 + 0.75 x 11.
    assert statistics.quantiles(PERCENTS, n=4, method="inclusive") == [43.125, 56.25, 68.25]
    assert (table["q1"], table["median"], table["q3"]) == (43.13, 56.25, 68.25)  # half up, as all marks
    assert (table["min"], table["max"]) == (35, 88)


def test_who_has_no_mark_is_in_no_mean_and_is_counted():
    everyone = sheet([*PERCENTS, None, None])
    assert row(summary_table(everyone, assignment()), "percent")["people"] == 6
    assert row(summary_table(everyone, assignment()), "percent")["mean"] == 57.75
    table = distribution_table(everyone, assignment())
    assert table.iloc[-1].tolist()[:3] == ["no mark", "withheld", 2]
    assert math.isnan(table.iloc[-1]["share"])
    assert table["people"].sum() == 8


def test_what_nobody_has_and_the_spread_of_one_person_are_unknown_and_not_zero():
    table = summary_table(sheet([60]), assignment())
    assert math.isnan(row(table, "percent")["sd"])
    assert row(table, "criterion_accuracy")["people"] == 0
    assert math.isnan(row(table, "criterion_accuracy")["mean"])
    nobody = summary_table(sheet([None]), assignment())
    assert row(nobody, "percent")["people"] == 0
    assert math.isnan(row(nobody, "percent")["mean"])


def test_people_are_counted_by_class_and_a_class_without_people_has_a_row():
    table = distribution_table(sheet([35, 40, 49.9, 60, 71, 88]), assignment())
    assert table[["name", "people"]].to_numpy().tolist() == [
        ["Fail", 1], ["Third class", 2], ["Lower second class", 0], ["Upper second class", 1], ["First class", 2],
    ]  # fmt: skip
    assert table["share"].tolist() == [0.1667, 0.3333, 0, 0.1667, 0.3333]


def test_a_person_is_classed_by_the_own_pass_mark():
    both = pandas.concat([sheet([45, 65]), sheet([45, 65], pass_mark=50)])
    table = distribution_table(both, assignment()).set_index("name")["people"]
    assert table.to_dict() == {
        "Fail": 1, "Third class": 1, "Lower second class": 0, "Upper second class": 1, "First class": 0, "Merit": 1,
    }  # fmt: skip


@pytest.mark.parametrize("people", [[], [None]])
def test_without_marks_no_class_has_a_share(people):
    table = distribution_table(sheet(people), assignment())
    classes = table[table["kind"] == "class"]
    assert classes["people"].tolist() == [0] * 5
    assert classes["share"].isna().all()
