"""WebPA's own worked example, Buddycheck by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.marks.peer_factors import buddycheck, moderated, raters, webpa

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


def test_who_rates_nobody_but_himself_has_not_rated():
    himself = {"E": {"E": Decimal(5)}}
    assert webpa(MEMBERS, himself) == buddycheck(MEMBERS, himself, with_self=True) == dict.fromkeys(MEMBERS, 1)
    assert raters(MEMBERS, {**RATINGS, **himself}) == ("A", "B", "C", "D")
    assert webpa(MEMBERS, {**RATINGS, **himself}) == webpa(MEMBERS, RATINGS)


def test_a_free_rider_to_whom_all_give_nothing_gets_nothing_whatever_he_gives_himself():
    three = dict(zip("ABCD", map(Decimal, (3, 3, 3, 0)), strict=True))
    rider = dict(zip("ABCD", map(Decimal, (0, 0, 0, 5)), strict=True))
    given = {"A": three, "B": three, "C": three, "D": rider}
    members = tuple("ABCD")
    # Three rated, each a third to each of the three: 4 / 3 * 3 * 1 / 3.
    assert webpa(members, given) == {"A": Fraction(4, 3), "B": Fraction(4, 3), "C": Fraction(4, 3), "D": 0}
    assert webpa(members, given, with_self=False)["D"] == 0
    assert buddycheck(members, given, with_self=True)["D"] == 0


@pytest.mark.parametrize("method", [webpa, buddycheck])
def test_a_missing_rating_is_refused_and_not_taken_for_a_zero(method):
    given = {**RATINGS, "A": {"B": Decimal(4), "C": Decimal(4)}}
    with pytest.raises(ValueError, match=r"^A has no rating for A, D, E$"):
        method(MEMBERS, given, with_self=True)
    with pytest.raises(ValueError, match=r"^A has no rating for D, E$"):
        method(MEMBERS, given, with_self=False)


def test_webpa_without_self_by_hand():
    three = {
        "A": {"A": Decimal(9), "B": Decimal(3), "C": Decimal(1)},
        "B": {"A": Decimal(2), "B": Decimal(9), "C": Decimal(2)},
        "C": {"A": Decimal(1), "B": Decimal(3), "C": Decimal(9)},
    }
    # Shares of what the others got: A gives B 3/4 and C 1/4; B gives 1/2 each; C gives A 1/4 and B 3/4.
    # Twice the mean of two shares: A 1/2 + 1/4, B 3/4 + 3/4, C 1/4 + 1/2.
    assert webpa(tuple("ABC"), three, with_self=False) == {
        "A": Fraction(3, 4), "B": Fraction(3, 2), "C": Fraction(3, 4),
    }  # fmt: skip
    # What they gave themselves plays no part, and may be missing.
    others = {rater: {m: v for m, v in to.items() if m != rater} for rater, to in three.items()}
    assert webpa(tuple("ABC"), others, with_self=False) == webpa(tuple("ABC"), three, with_self=False)


@pytest.mark.parametrize("with_self", [True, False])
@pytest.mark.parametrize("method", [webpa, buddycheck])
def test_equal_ratings_are_factors_of_1_whoever_did_not_rate(method, with_self):
    for silent in ("", "E", "ABC", "ABCD", "ABCDE"):
        given = {rater: dict.fromkeys(MEMBERS, Decimal(3)) for rater in MEMBERS if rater not in silent}
        assert method(MEMBERS, given, with_self=with_self) == dict.fromkeys(MEMBERS, 1)


ratings = st.dictionaries(
    st.sampled_from(MEMBERS), st.fixed_dictionaries({m: st.integers(0, 5).map(Decimal) for m in MEMBERS})
)


@given(ratings, st.booleans())
def test_webpas_factors_add_up_to_the_size_of_the_group_whoever_rated(given, with_self):
    factors = webpa(MEMBERS, given, with_self=with_self)
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
