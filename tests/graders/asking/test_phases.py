"""Each second of a job belongs to one phase."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from graders.asking.phases import PhaseClock, TimedSession
from graders.record.documents import Phases


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.at = 100.0

    def __call__(self):
        return self.at


@pytest.fixture
def hands():
    return Clock()


def test_the_time_of_an_inner_phase_is_not_that_of_the_outer_one(hands):
    clock = PhaseClock(hands)
    hands.at += 7  # before any phase
    with clock.phase("predict"):
        hands.at += 1
        with clock.phase("fit"):
            hands.at += 10
            with clock.phase("open"):
                hands.at += 100
        hands.at += 2
    hands.at += 7
    with clock.phase("score"):
        hands.at += 0.5
    assert clock.phases == Phases(open_s=100, fit_s=10, predict_s=3, score_s=0.5)


def test_a_phase_that_is_not_over_yet_counts_so_far(hands):
    clock = PhaseClock(hands)
    with clock.phase("draw"):
        hands.at += 3
        assert clock.phases.draw_s == 3
        hands.at += 1
    assert clock.phases.draw_s == 4


def test_a_phase_that_ends_by_an_exception_is_over(hands):
    clock = PhaseClock(hands)
    with suppress(OSError), clock.phase("open"):
        hands.at += 2
        raise OSError
    hands.at += 5
    assert (clock.current, clock.phases) == (None, Phases(open_s=2))


@pytest.fixture
def session(hands, monkeypatch):
    """A session of which a worker takes 1 s, a call of `predict` 100 s, and any other call 10 s."""

    def worker(self, *_, **__):
        hands.at += 1

    def call(self, worker, request, parts):
        hands.at += 100 if request["name"] == "predict" else 10

    monkeypatch.setattr("graders.wall.session.Session.worker", worker)
    monkeypatch.setattr("graders.wall.session.Session.call", call)
    session = TimedSession(None, SimpleNamespace(reply_mb=1))
    session.clock = PhaseClock(hands)
    return session


@pytest.mark.parametrize("maker", ["fit", "load"])
def test_workers_and_models_are_made_in_one_phase_and_answers_in_another(session, maker):
    with session.clock.phase("predict"):
        session.worker(1.0)
        session.call(None, {"do": "call", "name": maker}, ())
        session.call(None, {"do": "call", "name": "predict"}, ())
        session.call(None, {"do": "probe", "name": "fit"}, ())  # another form, of the same name
    assert session.clock.phases == Phases(fit_s=11, predict_s=110)


def test_a_hidden_test_that_trains_is_in_the_phase_of_tests(session):
    with session.clock.phase("tests"):
        session.worker(1.0)
        session.call(None, {"do": "call", "name": "fit"}, ())
    assert session.clock.phases == Phases(tests_s=11)
