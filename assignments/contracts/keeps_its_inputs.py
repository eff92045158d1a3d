"""`fit` and `predict` leave the arrays that they receive as they are."""

import numpy as np

from assignments.contracts.answers import varied_cases
from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around_fit, around_predict
from assignments.testing import close, needs, points_to


def test_keeps_its_inputs(trained, small_cases, rng):
    """Training and prediction change none of the arrays that they receive."""
    cases, _, learnt = varied_cases(trained.calls, trained.model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    received = {key: handle.fetch() for key, handle in trained.inside.items()}
    moved = any(not np.array_equal(received[key], trained.train[key]) for key in received)
    same = all(np.array_equal(np.sort(a, axis=0), np.sort(trained.train[key], axis=0)) for key, a in received.items())
    points_to("shuffles_in_place", moved and same)
    for key, array in received.items():
        assert close(array, trained.train[key], rtol=0)

    inside = {key: trained.student.put(cases[key]) for key in trained.calls.facts.inputs}
    trained.calls.entry(trained.model, inside)
    points_to("scales_in_place", True)
    for key, handle in inside.items():
        assert close(handle.fetch(), cases[key], rtol=0)


CONTRACT = Contract(
    about=("fit", ENTRY),
    mistakes=(
        CommonMistake(
            id="shuffles_in_place",
            title="`fit` puts the training cases in another order in place",
            advice="rng.shuffle(array) changes the caller's array, and the next training begins with other cases in "
            "another order. Draw an order, rng.permutation(n), and index with it.",
            try_it="Copy the training arrays before `fit`, and compare them afterwards with np.array_equal.",
            edit=around_fit(
                """
                model = reference(train, val, **named)
                order = np.roll(np.arange(len(next(iter(train.values())))), 1)
                for v in train.values():
                    v[:] = [v[i] for i in order] if isinstance(v, list) else v[order]
                return model
                """
            ),
        ),
        CommonMistake(
            id="scales_in_place",
            title="`predict` scales the arrays that it receives in place",
            advice="`x -= x.mean()` changes the caller's array, so that a second call gets other inputs. Write "
            "`x = x - x.mean()`, which makes a new array.",
            try_it="Copy the inputs before `predict`, and compare them afterwards with np.array_equal.",
            edit=around_predict(
                """
                answer = reference(model, {k: np.array(v) for k, v in inputs.items()})
                for k in keys:
                    inputs[k][...] = inputs[k] // 2
                return answer
                """
            ),
        ),
    ),
)
