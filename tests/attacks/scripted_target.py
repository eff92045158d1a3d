"""The accuracy of the target, from the wire to the score, in this process: no container, and no course."""

import numpy as np

from assignments.data.hidden import hidden_set
from assignments.interface import read_interface
from assignments.load import load
from graders.asking.measure import measure
from graders.record.answer_files import load_answers
from graders.scoring.score import score
from graders.wall.session import Session
from tests.attacks.course import TARGET
from tests.scripted import ScriptedChannel, Student

ASSIGNMENT = load(TARGET)
TARGETS_INTERFACE = read_interface(TARGET / "interface.py")
SECRET = b"of this test"
HIDDEN = hidden_set(ASSIGNMENT, SECRET, 0, ("x",), "y")
(ACCURACY,) = (criterion for criterion in ASSIGNMENT.criteria if criterion.id == "accuracy")


def true_class(x):
    return (x[:, 0] > 2).astype(np.float32)


def scored(store, predict, *, hidden=HIDDEN, commit="c0ffee", assignment=ASSIGNMENT, note=lambda head, body: None):
    """The score of a solution's predictions by the target's criterion, from the wire to the number.

    `predict` is given the inputs; `note` every request that reaches the sandbox.
    """

    class Noted(Student):
        def __call__(self, head, body):
            note(head, bytes(body))
            return super().__call__(head, body)

    solution = {"fit": lambda *_, **__: object(), "predict": lambda model, inputs: predict(inputs["x"])}
    with ScriptedChannel(Noted(solution)) as channel:
        session = Session(channel, assignment.limits)
        session.begin()
        shown = hidden.input_set
        document = measure(session, assignment, TARGETS_INTERFACE, shown, secret=SECRET, commit=commit, store=store)
    return score(assignment, ACCURACY, [hidden], [load_answers(store, document)]).measurement.score
