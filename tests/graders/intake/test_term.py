"""The commits of a term, by the groups of today's roster, and who is silent."""

from datetime import UTC, datetime, timedelta

import pytest

from graders.course.roster import Group, Member
from graders.intake.term import SILENT_AFTER, GroupTerm, SeenCommits, seen_commits, terms_of
from graders.record.ledger import Ledger, Observation, SeenTip


def group(name, repository):
    return Group(name=name, members=(Member(id=f"m-{name}", name="M", email="m@x.org"),), repository=repository)


ADA, BOB = group("ada", "https://host/ada.git"), group("bob", "https://host/bob.git")


def day(number, hour=12):
    return datetime(2026, 10, number, hour, tzinfo=UTC)


def look(of, commit, at, how="tip", name=None, detail=""):
    return Observation(name or of.name, "mlp", of.repository, "main", commit, at.isoformat(), how, detail)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def terms(ledger, *groups):
    return terms_of(groups, ledger.tips("mlp"), ledger.last_looks("mlp"))


def test_the_commits_of_a_cohort_are_counted_from_the_first_to_the_last():
    days = [datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2, 5, 9)]
    terms = {"a": GroupTerm("a", (days[1], days[3])), "b": GroupTerm("b"), "c": GroupTerm("c", (days[0], days[2]))}
    assert seen_commits(terms) == SeenCommits(4, 2, days[0], days[3])
    assert seen_commits({"b": GroupTerm("b")}) == SeenCommits(0, 0)


def test_each_commit_counts_once_from_the_first_look_that_saw_it(ledger):
    looks = [look(ADA, "a" * 40, day(1)), look(BOB, None, day(1), "empty", detail="the repository is empty"),
             look(ADA, "a" * 40, day(2)), look(ADA, "b" * 40, day(3)), look(ADA, "a" * 40, day(4)),
             look(BOB, None, day(5), "unreachable", detail="no answer")]  # fmt: skip
    for each in looks:
        ledger.add_observation(each)
    assert ledger.tips("mlp") == [
        SeenTip("ada", ADA.repository, "main", "a" * 40, day(1).isoformat(), day(4).isoformat()),
        SeenTip("ada", ADA.repository, "main", "b" * 40, day(3).isoformat(), day(3).isoformat()),
    ]
    seen = terms(ledger, ADA, BOB)
    assert seen["ada"] == GroupTerm("ada", (day(1), day(3)), looks[4])
    assert (seen["ada"].first, seen["ada"].last) == (day(1), day(3))
    assert seen["bob"] == GroupTerm("bob", (), looks[5])
    assert ledger.tips("other") == ledger.last_looks("other") == []


def test_a_group_with_another_name_now_keeps_its_commits(ledger):
    ledger.add_observation(look(ADA, "a" * 40, day(1), name="lovelace"))
    ledger.add_observation(look(ADA, "a" * 40, day(3)))
    ledger.add_observation(look(ADA, "b" * 40, day(4)))
    assert terms(ledger, ADA)["ada"].commits == (day(1), day(4))


def test_a_group_that_nobody_looked_at_has_an_empty_term(ledger):
    assert terms(ledger, BOB) == {"bob": GroupTerm("bob")}
    assert (GroupTerm("bob").first, GroupTerm("bob").last) == (None, None)


def test_a_repository_that_is_nobodys_now_is_no_groups_term(ledger):
    ledger.add_observation(look(group("gone", "https://host/gone.git"), "a" * 40, day(1)))
    assert terms(ledger, ADA) == {"ada": GroupTerm("ada")}


def test_a_group_is_silent_two_weeks_after_its_last_new_commit():
    of = GroupTerm("ada", (day(1), day(3)))
    assert timedelta(days=14) == SILENT_AFTER
    assert of.silent_at(day(17, hour=11)) is None
    assert of.silent_at(day(17)) == timedelta(days=14)
    assert of.silent_at(day(27)) == timedelta(days=24)
    assert of.silent_at(day(2)) is None  # a later commit does not matter there
    assert GroupTerm("bob").silent_at(day(27)) is None
