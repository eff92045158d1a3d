"""Public cases come before the hidden ones, and nothing that happens there costs a hidden case."""

from dataclasses import replace

import numpy as np
import pytest

from assignments.data.hidden import arrays_digest
from graders.asking import asked_model
from graders.asking.journal import PUBLIC, QuestionId
from graders.asking.measure import measure
from graders.record.answer_files import load_public_answers
from graders.record.documents import to_json
from graders.record.read_documents import result
from graders.wall.patience import Patience
from graders.wall.session import Session
from tests.graders.asking.test_measure import ASSIGNMENT, COMMIT, HIDDEN, INTERFACE, SECRET, Group, answer
from tests.scripted import ScriptedChannel, Student, keeper_reply

ROWS = np.arange(15, dtype=np.float32).reshape(5, 3) / 10 + 100
PUBLIC_SET = replace(HIDDEN.input_set, train={}, val=None, inputs={"x": ROWS}, count=5)
IS_PUBLIC = {row.tobytes() for row in ROWS}


@pytest.fixture
def measured(tmp_path):
    """Measures a group with five public cases: `measured(group)` -> document; `wrapped` changes the keeper's words."""

    def run(group, *, wrapped=lambda script: script, public=PUBLIC_SET, patience=None, unusable=()):
        run.script = Student(group.names())
        with ScriptedChannel(wrapped(run.script)) as channel:
            session = Session(channel, ASSIGNMENT.limits, patience=patience)
            session.begin()
            return measure(session, ASSIGNMENT, INTERFACE, HIDDEN.input_set, secret=SECRET, commit=COMMIT,
                           store=tmp_path, unusable=unusable, public=public)  # fmt: skip

    run.store = tmp_path
    return run


@pytest.fixture
def hidden_file(measured):
    """The file of answers to the hidden cases where no public one is asked for."""
    return measured(Group(), public=None).file


def on_public(how):
    """A `predict` that answers a call with public cases by `how(prob)`."""

    def predict(model, inputs):
        prob = answer(inputs["x"])
        return how(prob) if inputs["x"][0].tobytes() in IS_PUBLIC else {"prob": prob}

    return predict


def with_fate(of_public, **facts):
    """A keeper that replies to a call with public cases by itself."""

    def wrapped(script):
        def scripted(head, body):
            if head["verb"] == "call" and b'"predict"' in body and any(row in body for row in IS_PUBLIC):
                return keeper_reply(of_public, **facts)
            return script(head, body)

        return scripted

    return wrapped


def test_they_are_asked_for_first_as_many_a_call_as_hidden_ones(measured, hidden_file):
    group = Group()
    document = measured(group)
    assert [len(inputs["x"]) for inputs in group.questions] == [4, 1, 4, 4, 4]
    assert np.array_equal(np.concatenate([inputs["x"] for inputs in group.questions[:2]]), ROWS)
    assert len(group.fits) == 1
    assert document.file == hidden_file
    assert document.public.inputs == arrays_digest({"x": ROWS})
    stored = load_public_answers(measured.store, document.public)
    assert np.array_equal(stored.arrays["prob"], answer(ROWS).astype(np.float32))


def test_no_public_case_is_asked_for_once_a_hidden_one_was_seen(measured):
    """A worker that saw a hidden case could draw it into an answer that a page shows."""
    calls = []

    def predict(model, inputs):
        calls.append(inputs["x"][0].tobytes() in IS_PUBLIC)
        return {"prob": answer(inputs["x"])[:1]}  # refused, so that each case is asked for again alone

    measured(Group(predict=predict))
    assert calls == [True] * 6 + [False] * 15


FAILURES = {
    "raises": (lambda prob: 1 / 0, "raised"),
    "another shape": (lambda prob: {"prob": np.zeros((len(prob), 2))}, "wrong_shape"),
    "not finite": (lambda prob: {"prob": prob * np.nan}, "not_finite"),
    "too few": (lambda prob: {"prob": np.zeros(0)}, "wrong_shape"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_there_leaves_the_hidden_answers_as_they_are(measured, hidden_file, name):
    how, reason = FAILURES[name]
    document = measured(Group(predict=on_public(how)))
    assert (document.verdict, document.file, set(document.states)) == ("passed", hidden_file, {None})
    assert {cause.reason for cause in document.public.states} == {reason}
    assert document.public.file is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [({"exit": 3}, "process_ended"), ({"stopped": "cpu"}, "cpu_limit"), ({"stopped": "wall"}, "wall_limit")],
)
def test_a_worker_that_ends_there_is_replaced_and_the_new_one_has_the_whole_limit(measured, hidden_file, facts, reason):
    group, limits = Group(), []

    def wrapped(script):
        scripted = with_fate("died", cpu_s=1.4, **facts)(script)

        def noted(head, body):
            limits.extend([head["cpu_s"]] if head["verb"] == "worker" else [])
            return scripted(head, body)

        return noted

    document = measured(group, wrapped=wrapped, patience=Patience())
    whole = ASSIGNMENT.limits.cpu_s
    assert limits == [whole * (1 + asked_model.PUBLIC_SHARE), whole]
    assert (document.verdict, document.file, len(group.fits)) == ("passed", hidden_file, 2)
    assert document.public.cause.reason == reason
    assert document.flags == ()


def test_time_limits_there_are_not_counted_as_waiting_of_the_submission(measured):
    patience = Patience()
    measured(Group(), wrapped=with_fate("died", stopped="wall", wall_s=999.0, waited_s=0.0), patience=patience)
    assert (patience.wall_limits, patience.idle_s) == (0, 0.0)


def using(seconds_a_call):
    """A keeper by whose count each call of `predict` takes so many CPU seconds: (of public cases, of hidden ones)."""
    used = {}

    def wrapped(script):
        def scripted(head, body):
            reply = script(head, body)
            if head["verb"] == "call" and b'"predict"' in body:
                hidden = not any(row in body for row in IS_PUBLIC)
                used[head["worker"]] = used.get(head["worker"], 0.0) + seconds_a_call[hidden]
                return {**reply[0], "cpu_s": used[head["worker"]]}, reply[1]
            return reply

        return scripted

    return wrapped


def test_cpu_time_for_public_cases_is_not_taken_from_the_hidden_ones(measured):
    """The limit is 1.5 s: two public calls take 0.3 s, and three hidden ones 1.44 s."""
    document = measured(Group(), wrapped=using((0.15, 0.48)))
    assert (document.verdict, document.public.cause) == ("passed", None)


def test_nor_is_it_given_to_them(measured):
    """Without public cases 1.53 s would be too much, so with them it is too much too."""
    document = measured(Group(), wrapped=using((0.01, 0.51)))
    assert (document.verdict, document.cause.reason) == ("failed", "cpu_limit")


def test_public_cases_that_take_too_long_are_given_up(measured, hidden_file):
    """A quarter of the limit is 0.375 s; the worker is ended, and a new one answers the hidden cases."""
    group = Group()
    document = measured(group, wrapped=using((0.4, 0.01)))
    assert (document.public.cause.reason, document.public.file) == ("cpu_limit", None)
    assert (document.verdict, document.file, len(group.fits)) == ("passed", hidden_file, 2)


def test_a_part_that_ended_a_marker_is_left_out(measured, hidden_file):
    group = Group()
    document = measured(group, unusable=[QuestionId("answers", "0", PUBLIC)])
    assert [len(inputs["x"]) for inputs in group.questions] == [4, 4, 4]
    assert (document.file, document.public.cause.reason) == (hidden_file, "not_usable")


def test_a_submission_without_a_model_has_no_public_answers(measured):
    document = measured(Group(fit=lambda *_, **__: 1 / 0))
    assert (document.verdict, document.cause.function, document.public) == ("failed", "fit", None)


def test_public_answers_come_back_from_the_record_and_older_records_have_none(measured):
    document = measured(Group())
    assert result("answers", to_json(document)) == document
    text = to_json(replace(document, public=None)).replace('"public":null,', "")
    assert '"public"' not in text
    assert result("answers", text) == replace(document, public=None)
