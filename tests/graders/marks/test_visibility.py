"""What students and staff may read of a finding."""

from dataclasses import fields
from decimal import Decimal

import pytest

from graders.marks.mark import Finding, Verdict
from graders.marks.visibility import visible, visible_provenance

SECRET = "canary-5417"


def finding(kind: str) -> Finding:
    return Finding(
        id="tests/test_losses.py::test_x",
        kind=kind,
        criterion="tests",
        verdict=Verdict.FAILED,
        points=Decimal(0),
        out_of=Decimal(5),
        told="what the student reads",
        reason="the answer has the wrong shape",
        evidence=SECRET,
        interval=(0.7, 0.8),
        score=0.75,
        hint="a hint",
        detail={"cases": [SECRET], "caps": ["cases_below(dice, 0.5) > 0"], "cpu_s": 1.0},
    )


@pytest.mark.parametrize("kind", ["hidden_test", "accuracy", "person", "notice", "a kind of tomorrow"])
def test_a_student_never_reads_evidence(kind):
    assert SECRET not in repr(visible(finding(kind), "student"))


@pytest.mark.parametrize("kind", ["hidden_test", "accuracy", "person", "notice", "a kind of tomorrow"])
def test_points_verdict_and_criterion_are_always_told(kind):
    seen = visible(finding(kind), "student")
    assert (seen.id, seen.kind, seen.criterion) == ("tests/test_losses.py::test_x", kind, "tests")
    assert (seen.verdict, seen.points, seen.out_of) == (Verdict.FAILED, Decimal(0), Decimal(5))


def test_a_public_test_tells_everything_but_the_numbers_for_staff():
    seen = visible(finding("public_test"), "student")
    assert (seen.told, seen.hint, seen.evidence) == ("what the student reads", "a hint", SECRET)
    assert seen.detail == {}


def test_a_hidden_test_tells_its_reason_and_neither_score_nor_hint():
    seen = visible(finding("hidden_test"), "student")
    assert (seen.told, seen.reason) == ("what the student reads", "the answer has the wrong shape")
    assert (seen.hint, seen.score, seen.interval) == ("", None, None)


def test_accuracy_tells_score_interval_and_caps_but_no_case():
    seen = visible(finding("accuracy"), "student")
    assert (seen.score, seen.interval) == (0.75, (0.7, 0.8))
    assert seen.detail == {"caps": ["cases_below(dice, 0.5) > 0"]}


def test_an_unknown_kind_is_withheld_whole():
    seen = visible(finding("a kind of tomorrow"), "student")
    assert (seen.told, seen.reason, seen.hint, seen.score) == ("", None, "", None)


def test_staff_read_all():
    whole = finding("hidden_test")
    assert visible(whole, "staff") == whole


def test_every_field_of_a_finding_has_been_decided_on():
    """A field added to Finding must be decided on in `visible` before this list grows."""
    assert {field.name for field in fields(Finding)} == {
        *("id", "kind", "criterion", "verdict", "points", "out_of"),
        *("told", "reason", "evidence", "interval", "score", "hint", "detail"),
        "exact",  # the points themselves, which are always told
    }


def test_flags_and_unlisted_keys_of_a_provenance_are_for_staff():
    provenance = {"image": "sha256:1", "flags": [SECRET], "tomorrow": SECRET}
    assert visible_provenance(provenance, "student") == {"image": "sha256:1"}
    assert visible_provenance(provenance, "staff") == provenance
