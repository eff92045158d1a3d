"""The class of a mark: by the level of study, and by the person's own pass mark where it is another."""

from decimal import Decimal

import pytest

from reports.bands import band_of, bands


@pytest.mark.parametrize(
    ("level", "percent", "short"),
    [
        (6, "39.9", "Fail"), (6, "40.0", "Third"), (6, "49.9", "Third"), (6, "50.0", "2:2"), (6, "59.9", "2:2"),
        (6, "60.0", "2:1"), (6, "69.9", "2:1"), (6, "70.0", "First"), (6, "100.0", "First"), (4, "40.0", "Third"),
        (7, "49.9", "Fail"), (7, "50.0", "Pass"), (7, "59.9", "Pass"), (7, "60.0", "Merit"), (7, "70.0", "Dist."),
    ],
)  # fmt: skip
def test_a_band_begins_at_its_own_mark(level, percent, short):
    assert band_of(Decimal(percent), level).short == short


@pytest.mark.parametrize(
    ("level", "pass_mark", "percent", "short"),
    [
        (6, 50, "49.9", "Fail"), (6, 50, "50.0", "Pass"), (6, 50, "70.0", "Dist."),  # classed as a master's student
        (7, 40, "39.9", "Fail"), (7, 40, "40.0", "Third"), (7, 40, "50.0", "2:2"),  # and as an undergraduate
        (6, 45, "44.9", "Fail"), (6, 45, "45.0", "Third"),
        (6, 30, "29.9", "Fail"), (6, 30, "30.0", "Third"),  # the lowest pass is as wide as it must be
        (7, 60, "59.9", "Fail"), (7, 60, "60.0", "Merit"),
        (6, 0, "0.0", "Third"),
    ],
)  # fmt: skip
def test_an_own_pass_mark_decides_the_scale_and_where_it_fails(level, pass_mark, percent, short):
    assert band_of(Decimal(percent), level, pass_mark).short == short


@pytest.mark.parametrize("level", [4, 5, 6, 7])
@pytest.mark.parametrize("pass_mark", [None, 0, 40, 45, 50, 60, 100])
def test_a_higher_mark_is_never_in_a_lower_band(level, pass_mark):
    found = [band_of(Decimal(tenths) / 10, level, pass_mark) for tenths in range(1001)]
    assert [band.from_percent for band in found] == sorted(band.from_percent for band in found)


def test_a_level_lists_its_bands_from_the_lowest():
    assert [band.short for band in bands(6)] == ["Fail", "Third", "2:2", "2:1", "First"]
    assert [band.name for band in bands(7)] == ["Fail", "Pass", "Merit", "Distinction"]
