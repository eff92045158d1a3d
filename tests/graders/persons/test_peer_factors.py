"""WebPA's own worked example, Buddycheck by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.persons.peer_factors import buddycheck, moderated, webpa

MEMBERS = ("A", "B", "C", "D", "E")
RATINGS = {
    "A": dict(zip(MEMBERS, map(Decimal, (4, 4, 3, 2, 1)), strict=True)),
    "B": dict(zip(MEMBERS, map(Decimal, (3, 5, 3, 2, 0)), strict=True)),
    "C": dict(zip(MEMBERS, map(Decimal, (4, 4, 4, 4, 4)), strict=True)),
    "D": dict(zip(MEMBERS, map(Decimal, (3, 5, 4, 3, 1)), strict=True)),
}
"""WebPA's worked example: five members, of whom E did not rate."""


def test_the_worked_example_of_webpa():
    factors = webpa(MEMBERS, RATINGS)
    assert [round(float(factors[m]), 3) for m in MEMBERS] == [1.130, 1.479, 1.119, 0.855, 0.417]
    assert sum(factors.values()) == 5
    marks = [moderated(Fraction(80), factors[m], Fraction(1, 2)) for m in MEMBERS]
    assert [round(float(mark), 1) for mark in marks] == [85.2, 99.1, 84.8, 74.2, 56.7]


def test_a_mark_is_never_above_100():
    assert moderated(Fraction(80), Fraction(3, 2), Fraction(1)) == 100


def test_who_gave_nothing_to_anybody_has_not_rated():
    none = dict.fromkeys(MEMBERS, Decimal(0))
    assert webpa(MEMBERS, {**RATINGS, "E": none}) == webpa(MEMBERS, RATINGS)
    assert webpa(MEMBERS, {}) == dict.fromkeys(MEMBERS, 1)


ratings = st.dictionaries(
    st.sampled_from(MEMBERS), st.fixed_dictionaries({m: st.integers(0, 5).map(Decimal) for m in MEMBERS})
)


@given(ratings)
def test_webpas_factors_add_up_to_the_size_of_the_group_whoever_rated(given):
    factors = webpa(MEMBERS, given)
    assert sum(factors.values()) == len(MEMBERS)
    assert min(factors.values()) >= 0


def test_buddycheck_is_the_mean_received_over_the_mean_of_the_team():
    three = {
        "A": {"A": Decimal(5), "B": Decimal(4), "C": Decimal(2)},
        "B": {"A": Decimal(4), "B": Decimal(4), "C": Decimal(2)},
        "C": {"A": Decimal(5), "B": Decimal(3), "C": Decimal(5)},
    }
    # Without self A has (4 + 5) / 2 = 4.5, B 3.5, C 2: their mean is 10 / 3.
    assert buddycheck(("A", "B", "C"), three) == {"A": Fraction("1.35"), "B": Fraction("1.05"), "C": Fraction("0.6")}
    # With self 14 / 3, 11 / 3 and 3: their mean is 34 / 9.
    assert buddycheck(("A", "B", "C"), three, with_self=True)["A"] == Fraction(14, 3) / Fraction(34, 9)


@pytest.mark.parametrize("given", [{}, {"A": {"A": Decimal(5)}}, {"A": {"B": Decimal(0)}}])
def test_who_was_rated_by_nobody_keeps_the_groups_mark(given):
    assert buddycheck(("A", "B"), given) == {"A": 1, "B": 1}
