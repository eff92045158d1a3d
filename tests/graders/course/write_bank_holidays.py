"""Writes the dated table of bank holidays that medmark ships, from the package `holidays`.

    python -m tests.graders.course.write_bank_holidays > graders/course/policies/bank-holidays.toml

medmark reads the table and never the package: a past penalty must not depend on a package's version. Run it when a year
comes or a day is proclaimed; `test_working_days.py` says when table and package part. Change only years to come.
"""

from datetime import date

import holidays

YEARS = range(2020, 2030)
HEAD = """\
# Bank holidays in England and Wales, Monday to Friday, substitute days as they are taken. Written by
# tests/graders/course/write_bank_holidays.py from the Python package `holidays`; a test compares the two, and each year
# with the Banking and Financial Dealings Act 1971 and the date of Easter. https://www.gov.uk/bank-holidays announces
# about two years ahead: for the years after that the rule is all that anyone knows. Days that no rule gives are
# proclaimed: 2020-05-08 (moved from 2020-05-04), 2022-06-02 (moved from 2022-05-30), 2022-06-03, 2022-09-19 and
# 2023-05-08. A day that is proclaimed later is missing here: add it to closures in course.toml."""


def days_of(year: int) -> list[date]:
    """The bank holidays of a year that fall on Monday to Friday, in order."""
    return sorted(day for day in holidays.country_holidays("GB", subdiv="ENG", years=year) if day.weekday() < 5)


def table() -> str:
    """The whole file: a year a line."""
    lines = ["    " + ", ".join(day.isoformat() for day in days_of(year)) + "," for year in YEARS]
    return "\n".join([HEAD, f"years = {list(YEARS)}", "days = [", *lines, "]\n"])


if __name__ == "__main__":
    print(table(), end="")
