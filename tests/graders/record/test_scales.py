"""A declared map of all marks keeps their order and stays between 0 and 100."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.record.scales import decimal_of, scale_of

FORMS = ["add 2", "add -3.5", "multiply 1.05", "multiply 0.9", "map 0:0 40:45 100:100"]


@pytest.mark.parametrize(
    ("text", "mark", "after"),
    [
        ("add 2", "61.5", "63.5"),
        ("add 2", 99, 100),
        ("add -5", 3, 0),
        ("multiply 1.05", 60, 63),
        ("map 0:0 40:45 100:100", 20, "22.5"),
        ("map 0:0 40:45 100:100", 40, 45),
        ("map 0:0 40:45 100:100", 70, "72.5"),
    ],
)
def test_by_hand(text, mark, after):
    assert scale_of(text)(Fraction(mark)) == Fraction(after)


@given(st.sampled_from(FORMS), st.fractions(0, 100), st.fractions(0, 100))
def test_the_order_of_marks_stays(text, first, second):
    low, high = sorted((first, second))
    assert 0 <= scale_of(text)(low) <= scale_of(text)(high) <= 100


@pytest.mark.parametrize(
    "text",
    ["", "add", "add two", "add 1e3", "multiply 0", "multiply -1", "divide 2", "map 0:0", "map 0:0 40:45",
     "map 10:0 100:100", "map 0:50 100:40", "map 0:0 40 100:100", "map 0:0 0:5 100:100"],
)  # fmt: skip
def test_what_is_no_map_is_refused_with_the_forms(text):
    with pytest.raises(ValueError, match="is not a moderation: write add 2"):
        scale_of(text)


@pytest.mark.parametrize(("text", "recorded"), [("-0", "0"), ("-0.0", "0.0"), (" 7.50 ", "7.50"), ("-3", "-3")])
def test_a_number_is_recorded_as_it_is_written_and_zero_has_no_sign(text, recorded):
    assert str(decimal_of(text)) == recorded


@pytest.mark.parametrize("text", ["", "1e3", "1_000", "nan", "inf", "1,5", "0x1", "1 000"])
def test_what_is_not_a_plain_number_is_none(text):
    assert decimal_of(text) is None
