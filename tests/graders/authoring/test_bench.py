"""Where a rehearsal asks: a sandbox that is lost on the way is replaced, and the rehearsal goes on."""

from pathlib import Path

import numpy as np
import pytest

from assignments.load import hidden_tests, load
from graders.authoring.bench import MOST_DRAWS, drawn_once, opener

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


def counted_draw():
    """A draw that counts how often it ran, and the list it counts in."""
    ran = []

    def draw(n, rng):
        ran.append(n)
        return {"image": rng.standard_normal((n, 2))}

    return drawn_once(draw), ran


def test_equal_draws_run_once_and_leave_the_stream_where_a_draw_does():
    draw, ran = counted_draw()
    first, again, plain = (np.random.default_rng(5) for _ in range(3))
    for n in (3, 3, 4):
        expected = plain.standard_normal((n, 2))
        assert np.array_equal(draw(n, first)["image"], expected)
        assert np.array_equal(draw(n, again)["image"], expected)
    assert ran == [3, 3, 4]
    assert again.random() == first.random() == plain.random()


def test_a_test_that_changes_its_cases_changes_those_of_nobody_else():
    draw, _ = counted_draw()
    cases = draw(2, np.random.default_rng(5))
    cases["image"] *= 0
    assert draw(2, np.random.default_rng(5))["image"].any()


def test_of_many_draws_the_oldest_is_forgotten():
    draw, ran = counted_draw()
    for seed in [*range(MOST_DRAWS + 1), 0]:
        draw(1, np.random.default_rng(seed))
    assert len(ran) == MOST_DRAWS + 2
