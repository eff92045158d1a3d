"""What an author reads of misconceptions whose students would not read of them."""

import pytest

from assignments.folders import catalogue
from assignments.load import hidden_tests
from assignments.misconceptions import Edit, Misconception
from graders.authoring.misconceptions import misconceptions
from graders.authoring.telling_apart import mixed_up
from graders.record.proof_status import recorded_patterns
from graders.record.rehearsal import Pattern
from tests.loaded import of_catalogue

SCALE, SHIFT = "test_a.py::test_scale", "test_a.py::test_shift"
TESTS = (SCALE, SHIFT, "test_a.py::test_seed")
WRONG, LATER = ("wrong_answer", "line 4"), ("wrong_answer", "line 9")


def misconception(id, *fails):
    return Misconception(id=id, title=id, told=f"mend {id}", edits=(Edit(find="a", replace="b"),), fails=fails)


def lines(patterns):
    """`patterns` by misconception: how its tests fail, the same in both frameworks."""
    items = [misconception(id, *failed) for id, failed in patterns.items()]
    recorded = [Pattern(id, fw, failed) for id, failed in patterns.items() for fw in ("pytorch", "tensorflow")]
    return list(mixed_up(items, recorded, TESTS))


def test_misconceptions_that_fail_at_different_lines_are_told_apart():
    assert lines({"own": {SCALE: WRONG, SHIFT: LATER}, "joint": {SCALE: LATER, SHIFT: WRONG}}) == []


def test_misconceptions_with_one_pattern_cannot_be_told_apart_and_the_tests_to_split_are_named():
    same = {SCALE: WRONG, SHIFT: LATER}
    assert lines({"own": same, "joint": same}) == [
        f"feedback: own cannot be told from joint (pytorch, tensorflow); in {SCALE} or {SHIFT}, let `mistaken` or "
        "`points_to` name it, or give it an assertion of its own",
        f"feedback: joint cannot be told from own (pytorch, tensorflow); in {SCALE} or {SHIFT}, let `mistaken` or "
        "`points_to` name it, or give it an assertion of its own",
    ]


def test_a_single_failed_test_names_a_misconception_only_by_its_answer_or_sign():
    (line,) = lines({"own": {SCALE: WRONG}})
    assert line.startswith(f"feedback: own is not named (pytorch, tensorflow); in {SCALE}, let `mistaken`")
    assert lines({"own": {SCALE: (*WRONG, "answer of own")}}) == []


def test_a_misconception_that_no_test_catches_is_a_gap_and_needs_no_words_of_its_own():
    patterns = [Pattern("uncaught", framework, {}) for framework in ("pytorch", "tensorflow")]
    assert list(mixed_up([misconception("uncaught", SCALE)], patterns, TESTS)) == []


def test_one_framework_is_compared_with_itself():
    items = [misconception("own", SCALE, SHIFT)]
    assert list(mixed_up(items, [Pattern("own", "pytorch", {SCALE: WRONG, SHIFT: LATER})], TESTS)) == []


def test_a_misconception_without_words_for_students_is_left_out():
    item = misconception("own", SCALE).model_copy(update={"feedback": ""})
    assert list(mixed_up([item], [Pattern("own", "pytorch", {SCALE: WRONG})], TESTS)) == []


@pytest.mark.parametrize("name", catalogue())
def test_students_read_of_every_misconception_of_the_catalogue_whichever_framework_was_rehearsed(name):
    assignment = of_catalogue(name)
    items, patterns = misconceptions(assignment), recorded_patterns(assignment)
    assert all(item.feedback and item.try_it for item in items)
    assert {item.id for item in items} == {pattern.misconception for pattern in patterns}
    assert list(mixed_up(items, patterns, [test.id for test in hidden_tests(assignment)])) == []
