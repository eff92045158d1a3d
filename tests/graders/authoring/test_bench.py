"""Where a rehearsal asks: a sandbox that is lost on the way is replaced, and the rehearsal goes on."""

from pathlib import Path

import pytest

from assignments.load import hidden_tests, load
from graders.authoring.bench import opener

GROUPS = Path(__file__).parents[2] / "example_groups"
ASSIGNMENT = load(GROUPS / "assignment")
TESTS = [test.id for test in hidden_tests(ASSIGNMENT)]


@pytest.fixture(scope="module")
def bench():
    with opener(ASSIGNMENT)("numpy") as bench:
        yield bench


def test_a_sandbox_that_ends_between_two_questions_costs_none_of_them(bench):
    assert {result.verdict for result in bench.check(GROUPS / "perfect", TESTS).values()} == {"passed"}
    bench._session._channel._process.kill()
    assert {result.verdict for result in bench.check(GROUPS / "perfect", TESTS).values()} == {"passed"}
