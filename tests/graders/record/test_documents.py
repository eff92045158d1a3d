"""Results at their two seams: what is written is read as it was, what is broken is refused, what is older is read."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from graders.failures import InternalFailure
from graders.record.documents import (
    AnswersResult,
    CaseScore,
    Cause,
    Explained,
    FailedCases,
    JobResult,
    Measured,
    Phrase,
    ScoreResult,
    TestResult,
    Trouble,
    to_json,
    unknown,
)
from graders.record.read_documents import Malformed, job_result, result

CAUSE = Cause("raised", "ValueError", "solution.py:12", "fit")
TEST = TestResult("failed", CAUSE, "ValueError: x", "trace", "printed", 0.1, 0.2, ("a flag",), ("fit",))
ANSWERS = AnswersResult("failed", CAUSE, "ValueError: x", "trace", "a.npz", (None, CAUSE), 1.5, 2.0, 120.5, ("flag",))
MEASURED = Measured(
    "auroc", 0.5, (0.4, 0.6), "median", (0.3, 0.7), "higher", case_count=2, subjects=1,
    cases=(CaseScore("c1", "s1", 0, None, 0.0, "failed", "raised"),), classes={"class1": 0.5},
    bootstrap_seed=7, drawn="AAAA", placements=("AA", "BB"),
)  # fmt: skip
SCORE = ScoreResult(
    "passed", CAUSE, MEASURED, {"dice": MEASURED}, (FailedCases(CAUSE, 1),), "ValueError: x",
    Explained("threshold", Phrase("empty"), Phrase("threshold", (0.2, 3, "x")), 0.5, 0.9, 2), "trace",
)  # fmt: skip
JOB = JobResult({"t": TEST}, {0: ANSWERS}, {"accuracy": SCORE}, Trouble("engine", "gone"))
STAGES = {"test": TEST, "answers": ANSWERS, "score": SCORE}
STORED = json.loads((Path(__file__).parent / "stored_before_schemas.json").read_text(encoding="utf-8"))
"""Documents as medmark made them before they had a schema number: by its own code, at commit 2af91da."""


def plain(stage):
    return json.loads(to_json(stage))


def older(name):
    stored = STORED[name]
    return result(stored["kind"], json.dumps(stored["document"]))


@pytest.mark.parametrize("kind", STAGES)
def test_a_result_is_read_as_it_was_written(kind):
    assert result(kind, to_json(STAGES[kind])) == STAGES[kind]


def test_a_job_s_result_is_read_as_it_was_written():
    assert job_result(to_json(JOB)) == JOB
    assert job_result(to_json(JobResult())) == JobResult()


def test_every_stage_names_its_schema():
    job = plain(JOB)
    parts = [job, job["tests"]["t"], job["answers"]["0"], job["scores"]["accuracy"]]
    assert [part["schema"] for part in parts] == [1, 1, 1, 1]


def each_key(value, path=()):
    """The path of every key in nested JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from each_key(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from each_key(item, (*path, number))


def with_value(value, path, new):
    """A deep copy with another value at a path."""
    copy = json.loads(json.dumps(value))
    at = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return copy


FREE = {"classes", "also", "tests", "answers", "scores"}
"""Mappings, in which any name is a key."""
OPTIONAL = {"phases"}
"""Without keys, all of their values are 0."""


@pytest.mark.parametrize("path", list(each_key(plain(JOB))), ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_a_wrong_type_is_refused_wherever_it_stands(path):
    wrong = {} if path[-1] not in FREE | OPTIONAL else "x"
    with pytest.raises(Malformed):
        job_result(json.dumps(with_value(plain(JOB), path, wrong)))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_has_not_is_neither_written_nor_read(number):
    paths = [path for path in each_key(plain(JOB)) if isinstance(_at(plain(JOB), path), float)]
    assert len(paths) > 8
    for path in paths:
        with pytest.raises(Malformed, match="not a number of JSON"):
            job_result(json.dumps(with_value(plain(JOB), path, number)))
    with pytest.raises(InternalFailure, match="TestResult cannot be stored"):
        to_json(TestResult("passed", cpu_s=number))


def _at(value, path):
    for step in path:
        value = value[step]
    return value


def test_a_number_too_large_for_a_float_is_refused():
    with pytest.raises(Malformed, match="finite"):
        result("test", '{"schema": 1, "verdict": "passed", "cpu_s": 1e999}')


def test_an_unknown_key_is_refused_at_every_depth():
    objects = [(), *(path for path in each_key(plain(SCORE)) if isinstance(_at(plain(SCORE), path), dict))]
    assert len(objects) > 6
    for path in objects:
        if path and path[-1] in FREE:
            continue
        with pytest.raises(Malformed, match="surprise"):
            result("score", json.dumps(with_value(plain(SCORE), (*path, "surprise"), 1)))


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        ("test", "", "not JSON"),
        ("test", "{", "not JSON"),
        ("test", "[1]", "not an object"),
        ("test", "null", "not an object"),
        ("test", "[" * 100_000, "not JSON"),
        ("test", '{"schema": 1}', "verdict: Field required"),
        ("test", '{"schema": 1, "verdict": "perfect"}', "verdict"),
        ("test", '{"schema": 2, "verdict": "passed"}', "pip install --upgrade medmark"),
        ("test", '{"schema": "1", "verdict": "passed"}', "schema"),
        ("test", '{"schema": -1, "verdict": "passed"}', "schema"),
        ("test", '{"verdict": "passed"}', "no schema number"),
        ("test", '{"schema": 1, "verdict": "failed"}', "cause"),
        ("test", '{"schema": 1, "verdict": "passed", "cause": {"reason": "raised"}}', "cause"),
        ("answers", '{"schema": 1, "verdict": "unknown"}', "cause"),
        ("score", '{"schema": 1, "verdict": "passed"}', "measured"),
        ("score", json.dumps(plain(SCORE) | {"verdict": "unknown"}), "measured"),
        ("score", to_json(TEST), "printed"),
    ],
)  # fmt: skip
def test_what_is_not_a_whole_result_is_refused_with_what_is_wrong(kind, text, what):
    with pytest.raises(Malformed, match=what):
        result(kind, text)


def test_from_a_marker_only_a_result_of_this_schema_is_taken():
    stored = STORED["a test that passed"]["document"]
    assert result("test", json.dumps(stored)).verdict == "passed"
    with pytest.raises(Malformed, match="no schema number"):
        result("test", json.dumps(stored), older=False)


def test_a_job_s_result_without_a_schema_number_is_refused():
    job = {name: value for name, value in plain(JOB).items() if name != "schema"}
    with pytest.raises(Malformed, match="no schema number"):
        job_result(json.dumps(job))


@pytest.mark.parametrize("kind", STAGES)
def test_a_toolkit_failure_leaves_an_unknown_result_of_each_kind(kind):
    left = unknown(kind, Trouble("engine", "the daemon is away"))
    assert (left.verdict, left.cause, left.evidence) == ("unknown", Cause("engine"), "the daemon is away")
    assert result(kind, to_json(left)) == left


def test_an_older_test_keeps_its_reason_exception_and_place_as_parts():
    assert older("a test whose call raised").cause == Cause("raised", "ValueError", "solution.py:12")
    assert older("a test that met a missing package").cause == Cause(
        "import_failed", "ModuleNotFoundError: monai", "nets/unet.py:2"
    )
    assert older("a test with a wrong answer").cause == Cause("wrong_answer")
    passed = older("a test that passed")
    assert (passed.verdict, passed.cause, passed.cpu_s, passed.names_used) == ("passed", None, 0.1, ("fit",))


def test_what_an_older_exception_said_is_read_out_of_its_evidence():
    assert older("a test whose call raised").cause_detail == "ValueError: secret"
    assert older("a test with a wrong answer").cause_detail == ""


def test_an_older_failure_of_the_toolkit_stays_unknown():
    met = older("a test that met a toolkit failure")
    assert (met.verdict, met.cause) == ("unknown", Cause("engine"))
    left = older("a stage that a dead marker left")
    assert (left.verdict, left.cause, left.evidence) == ("unknown", Cause("internal"), "the marker was killed")
    score = older("a score that could not be computed")
    assert (score.verdict, score.cause, score.measured) == ("unknown", Cause("data"), None)


def test_older_answers_keep_what_each_case_failed_with():
    answers = older("answers of which one failed")
    raised_in_fit = Cause("raised", "ValueError", "solution.py:12", "fit")
    assert (answers.cause, answers.states) == (raised_in_fit, (None, raised_in_fit))
    assert (answers.file, answers.peak_mb, answers.flags) == ("ab.npz", 120.0, ("left 1 processes behind",))
    assert (answers.gpu_peak_mb, answers.gpu_busy_s) == (None, None)


def test_an_older_score_keeps_its_numbers_cases_and_the_causes_of_what_failed():
    score = older("a score with failed cases, explained")
    stored = STORED["a score with failed cases, explained"]["document"]
    assert (score.measured.score, list(score.measured.interval)) == (stored["score"], stored["interval"])
    assert [case.value for case in score.measured.cases] == [case["value"] for case in stored["cases"]]
    assert [case.reason for case in score.measured.failed] == ["raised", "raised", "not_finite"]
    assert score.failed == (
        FailedCases(Cause("raised", "ValueError", "solution.py:12"), 2),
        FailedCases(Cause("not_finite"), 1),
    )
    assert score.measured.case_count == 10


def test_an_older_explanation_keeps_its_words_and_numbers():
    explained = older("a score with failed cases, explained").explained
    assert explained.mistake == Phrase("as_written", ("the second axis is flipped",))
    assert (explained.kind, explained.seen) == ("flip", None)
    stored = STORED["a score with failed cases, explained"]["document"]["explained"]
    assert [explained.score, explained.fixed, explained.cases] == [stored[key] for key in ("score", "fixed", "cases")]


def test_an_older_score_whose_answers_all_failed_says_in_which_function():
    score = older("a score without one usable answer")
    assert score.cause == Cause("import_failed")
    assert score.failed == (FailedCases(Cause("import_failed", "KeyError", "solution.py:5", "fit"), 12),)


def test_what_the_oldest_scores_did_not_record_is_unknown_and_never_zero():
    measured = older("a score from before its cases were counted").measured
    assert (measured.subjects, measured.drawn, measured.placements) == (None, None, None)
    assert measured.case_count == 12, "the stored sentence says so"
    stored = dict(STORED["a score from before its cases were counted"]["document"], told="auroc 0.667.")
    assert result("score", json.dumps(stored)).measured.case_count is None


@pytest.mark.parametrize("name", STORED)
def test_an_older_result_is_stored_again_in_today_s_form(name):
    kind = STORED[name]["kind"]
    assert result(kind, to_json(older(name))) == older(name)


def test_a_result_of_the_former_form_that_lacks_a_part_is_refused():
    for stored in STORED.values():
        broken = {key: value for key, value in stored["document"].items() if key != "verdict"}
        with pytest.raises(Malformed, match="former form"):
            result(stored["kind"], json.dumps(broken))
    cases = dict(STORED["a score of the whole set"]["document"], cases=5)
    with pytest.raises(Malformed, match="former form"):
        result("score", json.dumps(cases))


def test_no_result_can_be_changed():
    for part in (TEST, ANSWERS, SCORE, JOB, MEASURED, CAUSE):
        with pytest.raises(AttributeError):
            setattr(part, next(iter(asdict(part))), "other")
