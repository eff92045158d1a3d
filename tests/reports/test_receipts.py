"""What a collection says on a terminal: a line a group, one failure told once, and nothing in cron if all is well."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from graders.intake.collect import Receipt
from graders.intake.counting import Counting
from reports.receipts import needs_a_person, receipt_lines, summary_line

DUE = datetime(2027, 1, 15, 12, tzinfo=UTC)
TIP = "4f0c2b7d9e" + 30 * "a"
SEEN = Receipt(
    "g1", "mlp", "https://a.org/g1", "main", TIP, DUE.isoformat(), "tip", "", Counting(TIP, "counts", "r", DUE, None),
    (), "UTC",
)  # fmt: skip
NOTHING = Counting(None, "provisional", "no commit so far", DUE, None)
EMPTY = replace(SEEN, group="g2", commit=None, how="empty", detail="it holds no commit", counting=NOTHING)
NO_BRANCH = replace(EMPTY, group="g3", how="no_branch", detail="it has no branch main")
AWAY = replace(EMPTY, group="g4", how="unreachable", detail="its certificate is not valid (git: fatal: 17)")
ASIDE = replace(AWAY, group="g5", counting=Counting(None, "set aside", "a row of the roster", DUE, None))
STUCK = replace(SEEN, group="g6", detail="seen, but not fetched: the marker's disk", fetched=False)
WAITS = replace(SEEN, group="g7", counting=Counting(None, "waits for a person", "the host was down", DUE, None))


@pytest.mark.parametrize(
    ("receipt", "line"),
    [
        (SEEN, "g1  4f0c2b7d9e     counts"),
        (replace(SEEN, problems=("a", "b")), "g1  4f0c2b7d9e     counts  2 problems"),
        (replace(SEEN, counting=replace(SEEN.counting, state="provisional")), "g1  4f0c2b7d9e     counts so far"),
        (replace(SEEN, commit="b" * 40), "g1  bbbbbbbbbb     counts: 4f0c2b7d9e"),
        (EMPTY, "g2  empty          nothing yet"),
        (NO_BRANCH, "g3  no branch      nothing yet"),
        (AWAY, "g4  not read       nothing yet"),
        (WAITS, "g7  4f0c2b7d9e     waits for a person"),
    ],
)
def test_a_group_has_one_line(receipt, line):
    assert list(receipt_lines([receipt])) == [line]


def test_the_summary_tells_the_failure_that_several_share_once_and_an_empty_repository_is_read():
    other = replace(AWAY, group="g9", detail="its certificate is not valid (git: fatal: 18)")
    assert summary_line([SEEN, EMPTY, NO_BRANCH]) == "3 of 3 seen"
    assert summary_line([SEEN, EMPTY, NO_BRANCH, AWAY, ASIDE, STUCK, other]) == (
        "3 of 7 seen; 1 set aside by the roster; 3 could not be read: g4, g9 (its certificate is not valid); "
        "g6 (seen, but not fetched: the marker's disk)"
    )


def test_cron_hears_of_what_a_person_must_do_and_of_nothing_else():
    assert list(needs_a_person([SEEN, EMPTY, NO_BRANCH])) == []
    assert list(needs_a_person([SEEN, WAITS, replace(WAITS, group="g8"), AWAY])) == [
        "3 of 4 seen; 1 could not be read: g4 (its certificate is not valid)", "g7, g8: the host was down"
    ]  # fmt: skip
