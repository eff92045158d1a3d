"""`predict` is a function of the model and its inputs: nothing random is left on."""

from assignments.contracts.answers import apart, varied_cases
from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around_predict
from assignments.testing import close, needs, points_to


def test_predicts_the_same_again(trained, small_cases, rng):
    """The same cases get the same answers each time."""
    cases, answer, learnt = varied_cases(trained.calls, trained.model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    again = [trained.answer(cases) for _ in range(3)]
    points_to("dropout_never_off", True)  # sound answers that differ from call to call come from little else
    assert close(max(apart(answer, other) for other in again), 0.0, atol=1e-4)


CONTRACT = Contract(
    about=(ENTRY,),
    mistakes=(
        CommonMistake(
            id="dropout_never_off",
            title="Something random stays on when the model predicts, such as dropout",
            advice="Dropout and noise help while a model trains. When it predicts, every unit has to be there: switch "
            "the model to evaluation first (model.eval() in PyTorch, training=False in Keras).",
            try_it="Predict the same cases twice and subtract: every number is 0.",
            edit=around_predict(
                """
                globals()["_calls"] = globals().get("_calls", 0) + 1  # chance that a rehearsal can repeat
                rng = np.random.default_rng(_calls)
                return reference(model, changed(inputs, lambda v: v * (rng.random(v.shape) > 0.2)))
                """
            ),
        ),
    ),
)
