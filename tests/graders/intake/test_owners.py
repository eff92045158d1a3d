"""Groups are renamed and exchanged on the roster; what was seen stays with the repository."""

from __future__ import annotations

from graders.course.roster import Group
from graders.intake.owners import Record
from graders.record.ledger import Observation
from tests.graders.events import about as about_of
from tests.graders.events import event

A, B, SHARED = "https://a.org/a", "https://a.org/b", "https://a.org/all"


def group(name, repository, **more):
    return Group(name=name, members=(), repository=repository, **more)


def look(name, repository, branch="main"):
    return Observation(name, "mlp", repository, branch, "a" * 40, "2027-01-15T12:05:00+00:00", "tip")


def owners(groups, *looks):
    """Whose each look is."""
    record = Record.of(groups, looks)
    return [next((name for name, own in record.looks.items() if seen in own), None) for seen in looks]


def test_a_look_is_its_groups():
    assert owners([group("g1", A), group("g2", B)], look("g1", A), look("g2", B)) == ["g1", "g2"]


def test_looks_follow_a_renamed_group_and_so_does_what_was_decided_about_it():
    record = Record.of([group("team", A + ".git/"), group("g2", B)], [look("g1", A), look("g2", B)])
    assert [seen.group for seen in record.looks["team"]] == ["g1"]
    assert record.renamed == {"g1": "team"}
    events = [event(about, "override", "5") for about in ("mlp/g1", "mlp/g1/a/b", "mlp/g2", "mlp")]
    assert [about_of(done) for done in record.followed(events)] == ["mlp/team", "mlp/team/a/b", "mlp/g2", "mlp"]


def test_looks_follow_two_groups_whose_names_were_exchanged():
    assert owners([group("g2", A), group("g1", B)], look("g1", A), look("g2", B)) == ["g2", "g1"]


def test_looks_stay_with_a_group_whose_repository_moved():
    assert owners([group("g1", "https://new.org/a")], look("g1", A)) == ["g1"]


def test_in_a_shared_repository_the_name_decides_and_a_name_that_left_has_no_group():
    groups = [group("g1", SHARED, path="one"), group("g2", SHARED, path="two")]
    assert owners(groups, look("g1", SHARED), look("g2", SHARED), look("old", SHARED)) == ["g1", "g2", None]


def test_in_a_shared_repository_a_branch_of_its_own_tells_a_group():
    groups = [group("g1", SHARED, branch="one"), group("g2", SHARED, branch="two")]
    assert owners(groups, look("old", SHARED, "two"), look("g1", SHARED, "one")) == ["g2", "g1"]


def test_looks_at_an_unknown_repository_under_an_unknown_name_belong_to_no_group():
    record = Record.of([group("g2", B)], [look("g1", A)])
    assert list(record.unowned) == ["g1"]
    assert record.renamed == {}


def test_a_name_whose_looks_went_to_two_groups_stands_for_neither():
    record = Record.of([group("g2", A), group("g3", B)], [look("g1", A), look("g1", B)])
    assert record.renamed == {}
    assert [about_of(done) for done in record.followed([event("mlp/g1", "override", "5")])] == ["mlp/g1"]
