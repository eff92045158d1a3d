"""Marks made by hand, for the tests of the reports and for looking at the pages."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from assignments.assignment import Assignment
from graders.marks.mark import Cost, Finding, Mark, Scored, Status, Verdict
from graders.record.documents import Cause, FalsePositives, Measured
from reports.feedback import HandIn


def assignment(**changes):
    """Prostate segmentation with tests (35), Dice (35) and a report (30)."""
    values = {
        "id": "prostate_unet",
        "title": "Prostate segmentation in T2 MRI",
        "task": "segmentation",
        "data": {"source": "prostate_mr", "train": 40, "test": 15},
        "run": {"mode": "weights"},
        "criterion": [
            {"id": "tests", "kind": "hidden_tests", "points": 35},
            {
                "id": "accuracy",
                "kind": "accuracy",
                "points": 35,
                "metric": "dice",
                "anchors": {
                    "trivial": 0.52,
                    "pass": 0.62,
                    "merit": 0.71,
                    "distinction": 0.79,
                    "reference": 0.81,
                    "ceiling": 0.90,
                },
                "caps": [{"when": "cases_below(dice, 0.5) > 0", "at": 0.70}],
            },
            {"id": "report", "kind": "person", "points": 30},
        ],
        "folder": Path("prostate_unet"),
    }
    return Assignment.model_validate(values | changes)


def check(name, title, points, out_of, verdict=None, reason=None, line=None, **more):
    """A hidden test's finding; its verdict follows from the points unless given."""
    points = None if points is None else Decimal(str(points))
    verdict = verdict or (Verdict.UNKNOWN if points is None else Verdict.PASSED if points else Verdict.FAILED)
    cause = None if reason is None else Cause(reason, line=line)
    id = f"tests/test_losses.py::{name}"
    return Finding(id, "hidden_test", "tests", verdict, points, Decimal(out_of), title, cause, **more)


def accuracy(score=0.742, interval=(0.711, 0.773), points="22.4", reason=None, unit="", caps=(), failed=(), **more):
    """The accuracy's finding: of one repeat of 15 cases, which are not listed."""
    points = None if points is None else Decimal(points)
    verdict = Verdict.UNKNOWN if points is None else Verdict.PARTIAL if points else Verdict.FAILED
    scored = measured = None
    if score is not None:
        share = Fraction(points or 0) / 35
        scored = Scored("dice", unit, score, interval, "median", 1, 15, failed, FalsePositives(0, 0), None, share, caps)
        measured = Measured("dice", score, (score,), "median", interval, unit=unit, case_count=15)
    return Finding(
        id="accuracy/dice",
        kind="accuracy",
        criterion="accuracy",
        verdict=more.pop("verdict", verdict),
        points=points,
        out_of=Decimal(35),
        cause=None if reason is None else Cause(reason),
        scored=scored,
        measured=more.pop("measured", measured),
        **more,
    )


def person(points=None):
    """The report's finding: open, or with points."""
    points = None if points is None else Decimal(points)
    verdict = Verdict.UNKNOWN if points is None else Verdict.PARTIAL
    return Finding("report/report", "person", "report", verdict, points, Decimal(30))


CHECKS = (
    check("test_same", "`dice_loss` is 0 when prediction and truth agree.", 5, 5),
    check("test_empty", "`dice_loss` of two empty masks is 0, not NaN.", 0, 5,
          reason="not_finite",
          evidence="nan at [0]\nTraceback <most recent call last>",
          cost=Cost(0.02, 0.1, ())),
    check("test_skip", "Every skip connection of the U-Net carries its input to the decoder.", 10, 10),
    check("test_eval", "`predict` gives a case the same answer alone and in a batch: normalisation and dropout "
          "are in evaluation mode.", 0, 5, reason="cpu_limit"),
    check("test_round_trip", "A model that was saved and loaded predicts as before.", 10, 10),
)  # fmt: skip

PROVENANCE = {
    "assignment_digest": "sha256:8a52c0e4d1b77f2f0e6b",
    "data_digest": "sha256:51f00de2f5c2a9e7",
    "image": "medmark-pytorch@sha256:0b1d4c7a9e",
    "sandbox": "docker",
    "framework": "pytorch",
    "versions": {"medmark": "0.1.0", "torch": "2.13.0", "numpy": "2.3.1"},
    "graded_at": "2026-11-22T21:14:05Z",
    "flags": ["imports ctypes"],
}


def mark(group="group-07", *, checks=CHECKS, accuracy=None, person=None, **more):
    """A mark; its points are the sum of what is known and its status follows from the findings."""
    findings = (*checks, accuracy or globals()["accuracy"](), person or globals()["person"]("21"))
    findings += tuple(more.pop("notices", ()))
    unknown = [f for f in findings if f.points is None]
    status = Status.MARKED
    if unknown:
        status = Status.INCOMPLETE if all(f.kind == "person" for f in unknown) else Status.WITHHELD
    known = sum((f.points for f in findings if f.points is not None), Decimal(0))
    values = {
        "assignment": "prostate_unet",
        "group": group,
        "commit": "4f0c2b7d9e11a3b5c6d7e8f90123456789abcdef",
        "status": status,
        "points": None if status is Status.WITHHELD else known,
        "out_of": Decimal(100),
        "findings": findings,
        "provenance": PROVENANCE,
    }
    return Mark(**(values | more))


def not_submitted(group="group-09"):
    """Nothing was handed in."""
    return Mark("prostate_unet", group, None, Status.NOT_SUBMITTED, None, Decimal(100), (), {})


def hand_in(**changes):
    """A hand-in without problems."""
    return replace(
        HandIn(
            name="group-07",
            repository="https://git.example.ac.uk/mphy0041/group-07.git",
            branch="main",
            seen_at="2026-11-20 16:58 UTC",
            board_name="Amber Heron",
        ),
        **changes,
    )
