"""Late policies as data: a table of bands, read and checked, and what a band makes of a mark.

`none` and the files of `graders/persons/policies/` have names; an instructor's own is a TOML file beside course.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assignments.assignment import Frozen
from assignments.toml_errors import Problem, TomlErrors, check_toml, nearest, read_toml

POLICIES = Path(__file__).parent / "policies"
HOLIDAYS = POLICIES / "bank-holidays.toml"
Percent = Annotated[Decimal, Field(ge=0, le=100)]


class Band(Frozen):
    """What becomes of a mark that is so many working days late: one of `subtract`, `cap` and `set`."""

    up_to_working_days: Annotated[int, Field(gt=0)] | None = None
    """None for the last band: however late."""
    subtract: Percent | None = None
    """Percentage points off."""
    not_below: Literal["pass_mark"] | Percent | None = None
    """What `subtract` stops at; a mark that was below it already loses nothing and gains nothing."""
    cap: Literal["pass_mark"] | Percent | None = None
    set: Percent | None = None
    clause: str
    """The rule in words: it stands in the trace and on the person's page."""

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(value is not None for value in (self.subtract, self.cap, self.set)) != 1:
            raise ValueError("a band has exactly one of subtract, cap and set")
        if self.not_below is not None and self.subtract is None:
            raise ValueError("not_below goes with subtract")
        return self

    def of(self, mark: Fraction, pass_mark: int) -> Fraction:
        """The mark in per cent after this band."""
        if self.subtract is not None:
            floor = Fraction(0) if self.not_below is None else _value(self.not_below, pass_mark)
            return min(mark, max(mark - Fraction(self.subtract), floor))
        if self.cap is not None:
            return min(mark, _value(self.cap, pass_mark))
        assert self.set is not None
        return min(mark, Fraction(self.set))


class LatePolicy(Frozen):
    """What lateness costs."""

    title: str
    note: str = ""
    """What whoever uses it must know."""
    source: str = ""
    bands: tuple[Band, ...] = Field(alias="band", min_length=1)
    """From the least late to the latest."""
    bank_holidays: tuple[date, ...] | None = None
    """None for those of England and Wales that medmark ships."""

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        *limited, last = [band.up_to_working_days for band in self.bands]
        if last is not None:
            raise ValueError("the last band has no up_to_working_days: it says what however late work gets")
        if None in limited:
            raise ValueError("only the last band may lack up_to_working_days")
        days = [day for day in limited if day is not None]
        if days != sorted(set(days)):
            raise ValueError("the bands go from the least late to the latest: up_to_working_days must rise")
        return self

    def band(self, days_late: int) -> Band:
        """The band of something that is so many working days late, 1 or more."""
        return next(b for b in self.bands if b.up_to_working_days is None or days_late <= b.up_to_working_days)


NONE = "none"


def policy_names() -> tuple[str, ...]:
    """The policies that have a name."""
    return (NONE, *sorted(path.stem for path in POLICIES.glob("*.toml") if path != HOLIDAYS))


def read_policy(named: str, folder: Path) -> LatePolicy | None:
    """The policy of a name, or of a TOML file relative to `folder`; None for "none".

    Raises:
        TomlErrors: everything that is wrong with it, with lines.
    """
    if named == NONE:
        return None
    own = named.endswith(".toml")
    path = folder / named if own else POLICIES / f"{named}.toml"
    if not own and named not in policy_names():
        cure = nearest(named, policy_names()) + ", or name a TOML file beside course.toml"
        raise TomlErrors([Problem(str(folder / "course.toml"), "late_policy", None, f'no policy "{named}"', cure)])
    policy, problems = check_toml(read_toml(path), LatePolicy)
    if policy is None or problems:
        raise TomlErrors(problems)
    return policy


def bank_holidays() -> tuple[Sequence[int], Sequence[date]]:
    """The years that the shipped table covers, and its days: England and Wales."""
    table = tomllib.loads(HOLIDAYS.read_text(encoding="utf-8"))
    return table["years"], table["days"]


def _value(of: Literal["pass_mark"] | Decimal, pass_mark: int) -> Fraction:
    return Fraction(pass_mark) if of == "pass_mark" else Fraction(of)
