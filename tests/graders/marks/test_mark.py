"""From scores and test results to points: exact, rounded once, and never a silent zero."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.assignment import Anchors, Assignment, anchor_shares
from assignments.errors import UserError
from graders.failures import InternalFailure
from graders.marks.findings import HandedIn, MarkDecisions, mark_of, share_of_points, with_points
from graders.marks.mark import HeldCap, Status, Verdict, earned, rounded, rounded_percent
from graders.marks.visibility import visible_provenance
from graders.record.documents import AnswersResult, Cause, Explained, JobResult, Phrase, Trouble, unknown
from reports.as_json import mark_as_json
from tests.graders.marks.hand_made import check_result, declared, measured, score_result

RISING = Anchors.model_validate(
    {"trivial": 0.52, "pass": 0.62, "merit": 0.71, "distinction": 0.79, "reference": 0.81, "ceiling": 0.9}
)
FALLING = Anchors.model_validate(
    {"trivial": 20, "pass": 12, "merit": 7, "distinction": 4, "reference": 3, "ceiling": 0}
)
X, Y = "test_a.py::test_x", "test_a.py::test_y"
TESTS = {X: declared(X, 10, "`x` is 1."), Y: declared(Y, 25, "`y` is 2.")}


def assignment(level=6, caps=(), person=30):
    return Assignment.model_validate(
        {
            "id": "prostate_unet",
            "title": "Prostate",
            "task": "segmentation",
            "level": level,
            "data": {"source": "prostate_mr", "train": 4, "test": 2},
            "run": {"mode": "weights"},
            "criterion": [
                {"id": "tests", "kind": "hidden_tests", "points": 35},
                {
                    "id": "accuracy",
                    "kind": "accuracy",
                    "points": 35,
                    "metric": "dice",
                    "anchors": RISING.model_dump(by_alias=True),
                    "caps": caps,
                },
                {"id": "report", "kind": "person", "points": person},
            ],
            "folder": Path("prostate_unet"),
        }
    )


def mark(
    tests=None, scores=None, persons=None, commit="c0ffee", of=None, *, refused="", trouble=None, void_tests=(),
    declares=None,
):  # fmt: skip
    tests = {id: check_result() for id in TESTS} if tests is None else tests
    scores = {"accuracy": score_result(0.62)} if scores is None else scores
    persons = {"report": Decimal(21)} if persons is None else persons
    result = JobResult(tests, scores=scores, trouble=trouble)
    handed_in = HandedIn("g1", commit, refused)
    declares, decided = declares or tuple(TESTS.values()), MarkDecisions(persons, dict(void_tests))
    return mark_of(of or assignment(), declares, handed_in, result, decided, {})


def test_a_mark_names_for_staff_what_its_answers_took_of_a_gpu():
    of = assignment()
    on_gpu = of.model_copy(update={"limits": of.limits.model_copy(update={"gpus": 1})})
    measured_once = {0: AnswersResult("passed", gpu_peak_mb=812.0, gpu_busy_s=2.0), 1: AnswersResult("passed")}

    def provenance(assignment, answers):
        result = JobResult({}, answers, {"accuracy": score_result(0.62)})
        return mark_of(assignment, (), HandedIn("g1", "c0ffee", ""), result, MarkDecisions({}, {}), {}).provenance

    on_gpu = on_gpu.model_copy(update={"criteria": on_gpu.criteria[1:2]})
    of = of.model_copy(update={"criteria": of.criteria[1:2]})
    assert provenance(on_gpu, measured_once) == {"gpu": {"peak_mb": 812.0, "busy_s": 2.0}}
    assert provenance(on_gpu, {0: AnswersResult("passed")}) == {"gpu": {"peak_mb": None, "busy_s": None}}
    assert provenance(of, measured_once) == {}
    assert "gpu" not in visible_provenance(provenance(on_gpu, measured_once), "student")


@pytest.mark.parametrize("anchors", [RISING, FALLING])
@pytest.mark.parametrize("level", [6, 7])
def test_a_score_at_an_anchor_earns_exactly_its_share(anchors, level):
    assert [share_of_points(anchors, level, value) for value in anchors.values()] == list(anchor_shares(level))


def test_the_pass_anchor_is_worth_half_at_level_7():
    assert anchor_shares(6) == tuple(map(Fraction, ("0", "0.4", "0.6", "0.7", "0.85", "1")))
    assert anchor_shares(7)[1] == Fraction(1, 2)


def test_between_two_anchors_a_share_is_on_the_line():
    assert share_of_points(RISING, 6, 0.665) == Fraction(1, 2)  # half way from 0.62 (.40) to 0.71 (.60)
    assert share_of_points(FALLING, 6, 16) == Fraction(1, 5)  # half way from 20 (0) to 12 (.40)


strictly_monotone = st.lists(st.integers(-1000, 1000), min_size=6, max_size=6, unique=True).map(sorted)
names = ("trivial", "pass", "merit", "distinction", "reference", "ceiling")


@given(strictly_monotone, st.booleans(), st.sampled_from([6, 7]), st.floats(-1100, 1100), st.floats(-1100, 1100))
def test_a_better_score_never_earns_less_and_a_share_stays_within_0_and_1(values, falls, level, one, other):
    sign = -1 if falls else 1
    anchors = Anchors.model_validate(dict(zip(names, [sign * v / 100 for v in values], strict=True)))
    worse, better = sorted([one / 100, other / 100])
    low, high = share_of_points(anchors, level, sign * worse), share_of_points(anchors, level, sign * better)
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_has_no_share(score):
    with pytest.raises(ValueError, match="Invalid literal"):
        share_of_points(RISING, 6, score)


def test_a_mark_is_the_sum_of_what_was_earned():
    result = mark(tests={X: check_result(), Y: check_result("failed", "raised", kind="ValueError")})
    points = Decimal("45.0")  # 10 + 14 + 21
    assert (result.status, result.points, result.out_of) == (Status.MARKED, points, Decimal(100))
    assert [f.id for f in result.findings] == [
        "tests/test_a.py::test_x", "tests/test_a.py::test_y", "accuracy/dice", "report/report",
    ]  # fmt: skip
    assert [f.points for f in result.findings] == [10, 0, 14, 21]
    assert [f.verdict for f in result.findings] == ["passed", "failed", "partial", "partial"]


def test_a_finding_holds_the_docstring_of_its_test_and_why_it_was_not_passed():
    result = mark(tests={X: check_result(), Y: check_result("failed", "raised", kind="ValueError")})
    assert (result.findings[0].title, result.findings[0].cause) == ("`x` is 1.", None)
    assert (result.findings[1].title, result.findings[1].cause) == ("`y` is 2.", Cause("raised", "ValueError"))


@pytest.mark.parametrize(("of_x", "mend"), [("failed", "`x` is 1."), ("passed", ""), ("unknown", "")])
def test_a_test_that_could_not_be_asked_names_the_one_to_mend_first_only_if_that_failed_too(of_x, mend):
    not_asked = check_result("failed", "not_asked", text="`fit` has to learn first", mend=X)
    finding = mark(tests={X: check_result(of_x), Y: not_asked}).findings[1]
    assert (finding.verdict, finding.points, finding.mend) == (Verdict.FAILED, 0, mend)


def test_expected_tests_are_counted_so_one_that_did_not_run_has_not_passed():
    result = mark(tests={X: check_result()})
    assert result.status is Status.MARKED
    assert (result.findings[1].verdict, result.findings[1].points) == (Verdict.FAILED, 0)
    assert result.findings[1].reason == "not_run"


def test_a_result_that_nobody_declared_earns_nothing():
    result = mark(tests={**{id: check_result() for id in TESTS}, "test_a.py::test_bonus": check_result()})
    assert result.points == Decimal("70.0")
    assert len(result.findings) == 4


def test_what_did_not_run_for_a_toolkit_failure_is_unknown_and_the_mark_withheld():
    result = mark(tests={}, scores={}, trouble=Trouble("engine", "daemon away"))
    assert (result.status, result.points) == (Status.WITHHELD, None)
    assert [f.points for f in result.findings] == [None, None, None, 21]
    assert result.findings[0].evidence == "daemon away"


@pytest.mark.parametrize(
    ("tests", "scores"),
    [
        ({X: check_result(), Y: check_result("unknown", "engine")}, None),
        (None, {"accuracy": unknown("score", Trouble("metric", ""))}),
        (None, {}),
    ],
)
def test_one_unknown_finding_withholds_the_mark(tests, scores):
    result = mark(tests=tests, scores=scores)
    assert (result.status, result.points, rounded_percent(result)) == (Status.WITHHELD, None, None)


def test_a_missing_part_of_a_person_leaves_the_mark_incomplete_and_never_zero():
    result = mark(persons={})
    assert (result.status, result.points, rounded_percent(result)) == (Status.INCOMPLETE, Decimal("49.0"), None)
    assert result.findings[-1].points is None


def test_withheld_goes_before_incomplete():
    assert mark(persons={}, scores={}).status is Status.WITHHELD


def test_nothing_handed_in_is_not_zero():
    result = mark(commit=None)
    assert (result.status, result.points, result.findings) == (Status.NOT_SUBMITTED, None, ())


def test_a_commit_that_cannot_be_run_fails_everything_and_says_why():
    result = mark(tests={}, scores={}, refused="There is no solution.py in prostate_unet/.")
    assert (result.status, result.points) == (Status.MARKED, Decimal("21.0"))
    assert {f.reason for f in result.findings[:3]} == {"not_accepted"}
    assert {f.note for f in result.findings[:3]} == {"There is no solution.py in prostate_unet/."}


def test_a_cap_limits_the_share_while_it_holds():
    of = assignment(caps=[{"when": "cases_below(dice, 0.5) > 0", "at": 0.7}])
    free = mark(of=of, scores={"accuracy": score_result(0.9)})
    capped = mark(of=of, scores={"accuracy": score_result(0.9, values=(0.9, 0.49))})
    assert (free.findings[2].points, free.findings[2].verdict) == (35, Verdict.PASSED)
    assert (capped.findings[2].points, capped.findings[2].verdict) == (Decimal("24.5"), Verdict.PARTIAL)
    assert capped.findings[2].scored.caps == (HeldCap("the dice is below 0.5 in at least one case", Fraction(7, 10)),)


def test_a_cap_never_raises_a_share():
    of = assignment(caps=[{"when": "dice < 0.95", "at": 0.9}])
    assert mark(of=of, scores={"accuracy": score_result(0.62)}).findings[2].points == 14


def test_an_explanation_moves_no_point_and_its_evidence_is_for_staff():
    explained = Explained("flip", mistake=Phrase("axes_flipped", (0,)), score=0.63, fixed=0.81, cases=2)
    given = replace(explained, evidence="trace")
    plain = mark(scores={"accuracy": score_result(0.63)})
    result = mark(scores={"accuracy": score_result(0.63, explained=given)})
    assert (result.points, result.findings[2].points) == (plain.points, plain.findings[2].points)
    assert result.findings[2].scored.explained == explained
    assert result.findings[2].evidence == "trace"


def test_an_edited_cap_marks_again_from_the_same_document():
    document = {"accuracy": score_result(0.9, values=(0.9, 0.49))}
    points = [
        mark(of=assignment(caps=[{"when": when, "at": 0.5}]), scores=document).findings[2].points
        for when in ("cases_below(dice, 0.4) > 0", "cases_below(dice, 0.5) > 0", "cases_below(dice, 0.5) > 1")
    ]
    assert points == [35, Decimal("17.5"), 35]


def test_a_cap_may_name_an_instructors_own_metric():
    of = assignment(caps=[{"when": "my_metrics.py:recall < 0.5", "at": 0.7}])
    document = score_result(0.9, also={"my_metrics.py:recall": measured(0.4, metric="recall")})
    assert mark(of=of, scores={"accuracy": document}).findings[2].points == Decimal("24.5")


def test_a_cap_on_a_metric_that_was_not_scored_is_our_failure():
    of = assignment(caps=[{"when": "hd95 > 10", "at": 0.5}])
    with pytest.raises(InternalFailure, match="hd95 is not among dice"):
        mark(of=of)


def test_a_mark_is_rounded_once_half_up():
    assert rounded(Decimal("69.95")) == Decimal("70.0")
    assert rounded(Decimal("69.949999999999")) == Decimal("69.9")
    # 0.665 earns half of 35 = 17.5; with 0.25 of a person's points 35 + 17.5 + 0.25 = 52.75
    result = mark(scores={"accuracy": score_result(0.665)}, persons={"report": Decimal("0.25")})
    assert result.findings[2].points == Decimal("17.5")
    assert result.points == Decimal("52.8")


def test_a_share_that_is_no_decimal_does_not_leave_dust_in_the_sum():
    # 0.65 lies a third of the way from 0.62 to 0.71: 0.4 + 0.2 / 3 of 35 points is 16 1/3
    result = mark(scores={"accuracy": score_result(0.65)}, persons={"report": Decimal("20.616666666667")})
    assert result.findings[2].points == Decimal("16.333333333333")
    assert result.points == Decimal("72.0")  # 35 + 16.333... + 20.6166... = 71.95 exactly, half up


def test_thirds_of_several_criteria_add_up_to_exactly_a_half_that_is_rounded_up():
    # 0.65 earns 7/15 of the points: three criteria of 35, 20 and 35 earn 16 1/3, 9 1/3 and 16 1/3, which is 42 exactly;
    # with 7.95 of a person's points 49.95, half up 50.0. Cut at twelve places the thirds are 41.999999999999.
    of = assignment()
    accuracy = of.criterion("accuracy")
    more = tuple(accuracy.model_copy(update={"id": id, "points": points}) for id, points in (("b", 20), ("c", 35)))
    of = of.model_copy(update={"criteria": (accuracy, *more, of.criterion("report"))})
    scores = {id: score_result(0.65) for id in ("accuracy", "b", "c")}
    result = mark(of=of, scores=scores, persons={"report": Decimal("7.95")})
    assert [str(f.points)[:8] for f in result.findings[:3]] == ["16.33333", "9.333333", "16.33333"]
    assert earned(result.findings) == Fraction("49.95")
    assert result.points == Decimal("50.0")


@given(
    st.dictionaries(st.sampled_from(sorted(TESTS)), st.sampled_from(["passed", "failed"]), min_size=2),
    st.integers(-200, 1200),
    st.integers(0, 3000),
)
def test_a_mark_is_the_rounded_sum_of_its_findings_and_lies_between_0_and_its_points(verdicts, score, report):
    result = mark(
        tests={id: check_result(verdict) for id, verdict in verdicts.items()},
        scores={"accuracy": score_result(score / 1000)},
        persons={"report": Decimal(report) / 100},
    )
    exact = sum((Fraction(f.points) if f.exact is None else f.exact for f in result.findings), Fraction(0))
    assert 0 <= result.points <= result.out_of
    assert abs(Fraction(result.points) - exact) <= Fraction(1, 20)
    assert result.points == rounded(exact)


@given(st.integers(0, 1200), st.integers(0, 1200))
def test_a_better_score_never_lowers_a_mark(one, other):
    low, high = (mark(scores={"accuracy": score_result(value / 1000)}) for value in sorted((one, other)))
    assert low.points <= high.points
    assert rounded_percent(low) <= rounded_percent(high)


@pytest.mark.parametrize("persons", [{}, {"report": Decimal(3)}])
def test_what_is_withheld_or_missing_is_null_in_json_and_never_zero(persons):
    result = mark(tests={}, scores={}, persons=persons, trouble=Trouble("engine", ""))
    told = mark_as_json(result, "staff")
    assert told["points"] is None
    assert [finding["points"] for finding in told["findings"][:3]] == [None, None, None]


def test_the_rounding_of_a_fraction_is_half_up_and_away_from_zero_below_it():
    assert rounded(Fraction(139, 2)) == Decimal("69.5")
    assert rounded(Fraction("69.95")) == Decimal("70.0")
    assert rounded(Fraction("-0.05")) == Decimal("-0.1")
    assert rounded(Fraction(1, 3)) == Decimal("0.3")


def test_a_void_test_gives_its_points_to_everyone_and_keeps_what_it_said():
    tests = {X: check_result(), Y: check_result("failed", "raised", evidence="seen")}
    void = {Y: "event 3, void_test by prof on 2027-01-20: its expected value was wrong"}
    result = mark(tests=tests, void_tests=void)
    assert result.points == mark().points
    assert (result.findings[1].verdict, result.findings[1].points) == (Verdict.PASSED, 25)
    assert (result.findings[1].void, result.findings[1].cause) == (True, None)
    assert "its expected value was wrong" in result.findings[1].evidence
    assert "failed: the call raised an exception\nseen" in result.findings[1].evidence


def test_a_void_test_that_no_machine_could_run_withholds_nothing():
    tests = {X: check_result(), Y: check_result("unknown", "internal")}
    assert mark(tests=tests).status is Status.WITHHELD
    assert mark(tests=tests, void_tests={Y: "why"}).status is Status.MARKED


def test_points_of_ones_own_complete_a_mark_and_leave_the_groups_as_it_was():
    of_group = mark(persons={})
    own = with_points(of_group, assignment(), {"report": Decimal("12.5")})
    assert (of_group.status, own.status) == (Status.INCOMPLETE, Status.MARKED)
    assert own.points == Decimal("61.5")  # 49 + 12.5
    with pytest.raises(UserError, match="not from 0 to 30"):
        with_points(of_group, assignment(), {"report": Decimal(31)})


def test_per_cent_is_taken_from_what_is_not_rounded_yet():
    result = mark(of=assignment(person=20), persons={"report": Decimal("12.95")})
    assert result.points == Decimal("62.0")  # 61.95
    assert rounded_percent(result) == Decimal("68.8")  # 61.95 / 90 = 68.83 %; 62.0 / 90 would give 68.9 %


@pytest.mark.parametrize("points", ["-1", "30.1", "NaN"])
def test_a_persons_points_lie_within_their_criterion(points):
    with pytest.raises(UserError, match="not from 0 to 30"):
        mark(persons={"report": Decimal(points)})


def test_tests_that_do_not_add_up_are_our_failure_and_never_free_points():
    with pytest.raises(InternalFailure, match="do not add up to 35"):
        mark(declares=(declared("a::b", 5),))


@given(st.sets(st.sampled_from(sorted(TESTS))), st.sets(st.sampled_from(sorted(TESTS))))
def test_more_failed_tests_never_raise_a_mark(some, more):
    def points(failed):
        return mark(tests={id: check_result("failed" if id in failed else "passed", "r") for id in TESTS}).points

    assert points(some | more) <= points(some)


def test_staff_read_the_evidence_and_students_do_not():
    result = mark(tests={X: check_result(), Y: check_result("failed", "raised", evidence="canary")})
    staff, student = mark_as_json(result, "staff"), mark_as_json(result, "student")
    assert staff["findings"][1]["evidence"] == "canary"
    assert "canary" not in repr(student)
    assert "evidence" not in student["findings"][1]
    assert (student["points"], student["out_of"], student["status"]) == (45.0, 100.0, "marked")
    assert list(staff["findings"][2]) == [
        "id", "kind", "criterion", "verdict", "points", "out_of", "score", "interval", "reason", "feedback", "evidence",
    ]  # fmt: skip
