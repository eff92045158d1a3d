"""Reads late policies, each a table of bands, and applies them to a mark.

`none` and the files of `graders/course/policies/` have names; an instructor's own policy is a TOML file beside
course.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from assignments.errors import Problem, nearest
from assignments.frozen import Frozen
from assignments.toml_errors import TomlErrors, check_toml, read_toml
from graders.course.working_days import Unit

POLICIES = Path(__file__).parent / "policies"
HOLIDAYS = POLICIES / "bank-holidays.toml"
Percent = Annotated[Decimal, Field(ge=0, le=100)]


class LateBand(Frozen):
    """What happens to a mark that is late up to a limit: one of `subtract`, `reduce`, `cap` and `set`."""

    up_to_hours: PositiveInt | None = None
    up_to_calendar_days: PositiveInt | None = None
    up_to_working_days: PositiveInt | None = None
    """At most one of the three; none in the last band, which holds however late the work is."""
    subtract: Percent | None = None
    """Percentage points off."""
    reduce: Percent | None = None
    """Per cent of the mark off: 5 makes 57 of 60."""
    for_each: Unit | None = None
    """`subtract` or `reduce` applies once for each unit begun, always to the mark before lateness."""
    not_below: Literal["pass_mark"] | Percent | None = None
    """They lower no mark below this; a mark already below it stays as it is."""
    cap: Literal["pass_mark"] | Percent | None = None
    set: Percent | None = None
    clause: str
    """The rule in words, for the trace and the person's page."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if sum(value is not None for value in (self.subtract, self.reduce, self.cap, self.set)) != 1:
            raise ValueError("a band has exactly one of subtract, reduce, cap and set")
        takes_off = self.subtract is not None or self.reduce is not None
        for name, value in (("not_below", self.not_below), ("for_each", self.for_each)):
            if value is not None and not takes_off:
                raise ValueError(f"{name} goes with subtract or reduce")
        if sum(value is not None for value in self._limits().values()) > 1:
            raise ValueError(f"a band has one limit: {', '.join(f'up_to_{unit}s' for unit in self._limits())}")
        return self

    def _limits(self) -> dict[Unit, int | None]:
        return {
            "hour": self.up_to_hours,
            "calendar_day": self.up_to_calendar_days,
            "working_day": self.up_to_working_days,
        }

    @property
    def limit(self) -> tuple[Unit, int] | None:
        """How late the work may be for this band; None for any lateness."""
        return next(((unit, count) for unit, count in self._limits().items() if count is not None), None)

    def of(self, mark: Fraction, pass_mark: int, begun: int = 1) -> Fraction:
        """The mark in per cent after this band; `begun` counts the units of `for_each` that have begun."""
        if self.cap is not None:
            return min(mark, _value(self.cap, pass_mark))
        if self.set is not None:
            return min(mark, Fraction(self.set))
        off = Fraction(self.subtract) if self.subtract is not None else mark * Fraction(self.reduce or 0) / 100
        floor = Fraction(0) if self.not_below is None else _value(self.not_below, pass_mark)
        return min(mark, max(mark - off * (begun if self.for_each else 1), floor))


class LatePolicy(Frozen):
    """What lateness costs."""

    title: str
    note: str = ""
    """What an instructor must know before using it."""
    source: str = ""
    bands: tuple[LateBand, ...] = Field(alias="band", min_length=1)
    """From the least late to the latest."""
    bank_holidays: tuple[date, ...] | None = None
    """None for those of England and Wales that medmark ships."""

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        *limited, last = [band.limit for band in self.bands]
        if last is not None:
            raise ValueError("the last band must have no limit: it holds however late the work is")
        limits = [limit for limit in limited if limit is not None]
        if len(limits) < len(limited):
            raise ValueError("every band but the last needs a limit, such as up_to_working_days")
        hours = [count if unit == "hour" else 24 * count for unit, count in limits]
        if hours != sorted(set(hours)):
            raise ValueError("the bands go from the least late to the latest: their limits must rise")
        return self

    def band(self, begun: Callable[[Unit], int]) -> LateBand:
        """The band that holds for late work; `begun` says how many units of a kind have begun since it was due."""
        return next(band for band in self.bands if band.limit is None or begun(band.limit[0]) <= band.limit[1])

    def after(self, mark: Fraction, pass_mark: int, begun: Callable[[Unit], int]) -> tuple[Fraction, LateBand]:
        """The mark in per cent after the penalty, and the band that sets it."""
        band = self.band(begun)
        return band.of(mark, pass_mark, begun(band.for_each) if band.for_each else 1), band

    def unit_of(self, band: LateBand) -> Unit:
        """The unit in which reports give the lateness where this band holds."""
        if band.for_each or band.limit:
            return band.for_each or band.limit[0]  # type: ignore[index]
        return next((other.limit[0] for other in reversed(self.bands) if other.limit), "working_day")

    @property
    def counts_working_days(self) -> bool:
        """Whether a penalty depends on which days are worked."""
        return any(band.for_each == "working_day" or band.up_to_working_days is not None for band in self.bands)


NONE = "none"


def policy_names() -> tuple[str, ...]:
    """The names of policies."""
    return (NONE, *sorted(path.stem for path in POLICIES.glob("*.toml") if path != HOLIDAYS))


def read_policy(named: str, folder: Path) -> LatePolicy | None:
    """The policy with a name, or in a TOML file relative to `folder`; None for "none".

    Raises:
        TomlErrors: every problem of it, with lines.
    """
    if named == NONE:
        return None
    own = named.endswith(".toml")
    path = folder / named if own else POLICIES / f"{named}.toml"
    if not own and named not in policy_names():
        what = f'there is no late policy "{named}"'
        cure = f"{nearest(named, policy_names())}; or name a TOML file beside course.toml"
        raise TomlErrors([Problem(str(folder / "course.toml"), "late_policy", None, what, cure)])
    policy, problems = check_toml(read_toml(path), LatePolicy)
    if policy is None or problems:
        raise TomlErrors(problems)
    return policy


@cache
def bank_holidays() -> tuple[Sequence[int], Sequence[date]]:
    """The years that the shipped table of England and Wales covers, and its bank holidays."""
    table = tomllib.loads(HOLIDAYS.read_text(encoding="utf-8"))
    return table["years"], table["days"]


def _value(of: Literal["pass_mark"] | Decimal, pass_mark: int) -> Fraction:
    return Fraction(pass_mark) if of == "pass_mark" else Fraction(of)
