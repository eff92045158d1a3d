"""Which known mistakes a group's failed tests show: the one whose pattern it is, and none where nothing fits."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from assignments.folders import CATALOGUE, PROOFS
from graders.marks.diagnosis import KnownMistake, diagnoses, known_mistakes
from graders.marks.mark import Finding, Verdict
from graders.record.documents import Cause
from graders.record.patterns import PATTERNS_FILE
from graders.record.proof_status import REHEARSAL_FILE
from tests.loaded import of_catalogue

SCALE, SHIFT, UNITS, SEED, LOSS, STEP = (
    f"test_a.py::test_{name}" for name in ("scale", "shift", "units", "seed", "loss", "step")
)
ALL = (SCALE, SHIFT, UNITS, SEED, LOSS, STEP)
WRONG = ("wrong_answer", "line 4")
LATER = ("wrong_answer", "line 9")
RAISED = ("raised", "ValueError", "line 4")
NOT_ASKED = ("not_asked", "line 3")


def mistake(id, pattern, may_fail=()):
    """A misconception of one framework; it must fail what is in its pattern, but for `may_fail`."""
    return KnownMistake(id, id, f"mend {id}", frozenset(pattern) - {*may_fail}, frozenset(may_fail), (pattern,))


OWN = mistake("own_statistics", {SCALE: LATER, SHIFT: LATER})
JOINT = mistake("joint_statistics", {SCALE: WRONG, SHIFT: LATER})
UNSCALED = mistake("no_scaling", {UNITS: NOT_ASKED, SEED: NOT_ASKED, STEP: NOT_ASKED}, may_fail=(SEED, STEP))
FIXED = mistake("seed_fixed", {SEED: WRONG, STEP: WRONG})
BY_A_FACTOR = ("wrong_answer", "factor", "line 2")
SUMMED = mistake("loss_is_summed", {LOSS: BY_A_FACTOR, STEP: WRONG})
OF_OWN, OF_JOINT = {SCALE: LATER, SHIFT: LATER}, {SCALE: WRONG, SHIFT: LATER}
KNOWN = (OWN, JOINT, UNSCALED, FIXED, SUMMED)


def findings(**changes):
    """The hidden tests; those of `changes` failed so, the rest passed."""
    return [finding(test, changes.get(test)) for test in ALL]


def finding(test, parts=None):
    passed = Finding(f"tests/{test}", "hidden_test", "tests", Verdict.PASSED, Decimal(5), Decimal(5))
    if parts is None:
        return passed
    *words, line = parts
    cause = Cause(*words)
    return replace(passed, verdict=Verdict.FAILED, points=Decimal(0), cause=cause, line=int(line.removeprefix("line ")))


def named(known=KNOWN, **failed):
    return [tuple(each.id for each in diagnosis.mistakes) for diagnosis in diagnoses(findings(**failed), known)]


def test_a_sound_solution_gets_none():
    assert named() == []


def test_the_mistake_whose_pattern_it_is_comes_first_and_a_similar_one_after_it():
    first, second = {**OF_JOINT, UNITS: LATER}, {**OF_OWN, UNITS: LATER}
    both = (mistake("joint", first), mistake("own", second))
    assert named(known=both, **first) == [("joint",), ("own",)]
    assert named(known=both, **second) == [("own",), ("joint",)]


def test_a_single_wrong_answer_may_come_from_any_mistake():
    assert named(known=[mistake("alone", {SCALE: WRONG})], **{SCALE: WRONG}) == []
    assert named(known=[mistake("two", {SCALE: WRONG, SHIFT: WRONG})], **{SCALE: WRONG, SHIFT: RAISED}) == []


def test_a_test_that_could_not_be_asked_counts_neither_as_failed_nor_as_passed():
    """`seed_fixed` must fail the seed's test, which was not asked: the pattern decides."""
    assert named(**{UNITS: NOT_ASKED, SEED: NOT_ASKED, STEP: NOT_ASKED}) == [("no_scaling",)]
    assert named(**{UNITS: NOT_ASKED, SEED: NOT_ASKED}) == [("no_scaling",)], "a test that may fail may pass"
    assert named(**{UNITS: NOT_ASKED, SEED: NOT_ASKED, STEP: NOT_ASKED, LOSS: NOT_ASKED}) == [("no_scaling",)]


def test_who_fails_for_another_reason_made_another_mistake():
    assert named(**{SCALE: RAISED, SHIFT: RAISED}) == []
    assert named(**dict.fromkeys(ALL, ("missing_function", "line 2"))) == []


def test_a_test_that_must_fail_and_passed_rules_a_mistake_out():
    assert (
        named(known=[mistake("all", {SCALE: WRONG, SHIFT: WRONG, LOSS: WRONG})], **{SCALE: WRONG, SHIFT: WRONG}) == []
    )


def test_a_test_that_a_mistake_cannot_fail_rules_it_out():
    assert named(known=[OWN], **OF_OWN, **{LOSS: WRONG}) == []


def test_two_mistakes_together_are_named_only_where_none_alone_explains_all():
    assert named(**OF_OWN, **{LOSS: BY_A_FACTOR, STEP: WRONG})[0] == ("own_statistics", "loss_is_summed")
    assert named(**OF_OWN)[0] == ("own_statistics",)


def test_pairs_that_fit_equally_well_are_not_named():
    twin = replace(OWN, id="twin")
    assert named(known=(OWN, twin, SUMMED), **OF_OWN, **{LOSS: BY_A_FACTOR, STEP: WRONG}) == []


def test_more_than_three_that_fit_equally_well_say_nothing():
    alike = [replace(OWN, id=f"alike_{i}") for i in range(4)]
    assert len(named(known=alike[:3], **OF_OWN)) == 3
    assert named(known=alike, **OF_OWN) == []


def answered_as(test, id):
    """A failed test whose answer is the very one of a mistake."""
    return replace(finding(test, WRONG), cause=Cause("wrong_answer", mistake=id))


def test_the_very_answer_of_a_mistake_names_it_whatever_else_failed():
    found = diagnoses([answered_as(SCALE, "own_statistics"), finding(SEED, RAISED)], KNOWN)
    assert [(d.mistakes, d.tests) for d in found] == [((OWN,), (SCALE,))]


def test_the_very_answers_of_two_mistakes_name_both_together_with_what_may_hang_on_them():
    seen = [answered_as(SCALE, "own_statistics"), answered_as(LOSS, "loss_is_summed"), finding(STEP, RAISED)]
    assert [(d.mistakes, d.tests) for d in diagnoses(seen, KNOWN)] == [((OWN, SUMMED), (SCALE, LOSS, STEP))]


def test_tests_that_failed_besides_show_a_second_mistake_by_its_pattern():
    seen = [answered_as(LOSS, "loss_is_summed"), *(finding(test, parts) for test, parts in OF_OWN.items())]
    assert [d.mistakes for d in diagnoses(seen, KNOWN)] == [(SUMMED, OWN)]
    twin = replace(OWN, id="twin")
    assert [d.mistakes for d in diagnoses(seen, (*KNOWN, twin))] == [(SUMMED,)], "two fit equally well"


def test_a_mistake_that_its_tests_name_is_named_by_nothing_less():
    named_by_a_test = mistake("seed_fixed", {SEED: (*WRONG, "answer of seed_fixed"), STEP: WRONG})
    seen = [finding(test, parts) for test, parts in {SEED: WRONG, STEP: WRONG}.items()]
    assert [d.mistakes for d in diagnoses(seen, [FIXED])] == [(FIXED,)]
    assert diagnoses(seen, [named_by_a_test]) == ()


def test_an_answer_of_a_mistake_that_is_not_listed_any_more_names_nobody():
    assert diagnoses([answered_as(SCALE, "gone")], KNOWN) == ()


def test_a_void_test_is_not_looked_at():
    void = replace(finding(LOSS, WRONG), void=True)
    seen = [finding(test, parts) for test, parts in OF_OWN.items()]
    assert [d.mistakes for d in diagnoses([*seen, void], [OWN])] == [(OWN,)]
    assert diagnoses([*seen, replace(void, void=False)], [OWN]) == ()


def test_what_was_not_marked_explains_nothing():
    unknown = replace(finding(SCALE), verdict=Verdict.UNKNOWN, points=None, cause=Cause("engine"))
    assert diagnoses([unknown], KNOWN) == ()


def test_the_catalogue_has_mistakes_with_patterns_and_a_change_since_the_rehearsal_has_none(tmp_path):
    assignment = of_catalogue("mlp_classifier")
    mistakes = {mistake.id: mistake for mistake in known_mistakes(assignment)}
    assert len(mistakes) > 20
    assert all(mistake.patterns for mistake in mistakes.values())
    assert mistakes["no_scaling"].advice.startswith("Area counts in hundreds")
    folder = tmp_path / "own"
    (folder / PROOFS).mkdir(parents=True)
    for name in (REHEARSAL_FILE, PATTERNS_FILE, "assignment.toml"):
        (folder / name).write_bytes((assignment.folder / name).read_bytes())
    assert known_mistakes(assignment.model_copy(update={"folder": folder})) == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1, "patterns": [{"misconception": "a"}]}', "\x00"])
def test_a_damaged_rehearsal_has_no_patterns(tmp_path, text):
    assignment = of_catalogue("mlp_classifier").model_copy(update={"folder": tmp_path})
    (tmp_path / PROOFS).mkdir()
    (tmp_path / PATTERNS_FILE).write_bytes((CATALOGUE / "mlp_classifier" / PATTERNS_FILE).read_bytes())
    (tmp_path / REHEARSAL_FILE).write_text(text)
    assert known_mistakes(assignment) == ()
    (tmp_path / REHEARSAL_FILE).write_text(json.dumps({"key": "other"}))
    assert known_mistakes(assignment) == ()
