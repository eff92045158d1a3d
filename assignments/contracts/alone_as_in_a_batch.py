"""A case's answer does not depend on the cases that share its call."""

import numpy as np

from assignments.contracts.answers import apart, changed, floats, predicting_moves, varied_cases
from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around_fit, around_predict, both, training_mode
from assignments.testing import close, needs, points_to


def test_alone_as_in_a_batch(trained, small_cases, rng):
    """A case gets the same answer alone and together with others, however unusual those are."""
    cases, usual, learnt = varied_cases(trained.calls, trained.model, small_cases, 6, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    measured = floats(trained.calls, cases)
    unusual = {key: cases[key] * 32.0 for key in measured}
    company = changed(cases, measured, {key: np.concatenate([cases[key][:4], unusual[key][4:]]) for key in measured})
    together = trained.answer(company)[:4]
    repeats = apart(usual, trained.answer(cases)) < 1e-4
    training = predicting_moves(trained.calls, trained.model, cases)
    alone = np.concatenate([trained.answer({key: cases[key][i : i + 1] for key in cases}) for i in range(4)])
    points_to("batch_statistics_in_predict", training)
    points_to("scaled_by_the_batch", repeats and not training)
    assert close(max(apart(alone, together), apart(alone, usual[:4])), 0.0, atol=2e-3)


BY_THE_BATCH = "lambda v: (v - v.mean(axis=0)) / (v.std(axis=0) + 1e-6)"

CONTRACT = Contract(
    about=(ENTRY,),
    whole_batches=True,
    mistakes=(
        CommonMistake(
            id="scaled_by_the_batch",
            title="The inputs are scaled by the statistics of their batch",
            advice="Then a patient's answer depends on who else is predicted at the same time, and alone there is "
            "nothing to compare with. Use statistics of the training cases, or of each case by itself.",
            try_it="Predict one case alone and in a batch, and subtract: every number is 0.",
            edit=both(
                around_fit(f"return reference(changed(train, {BY_THE_BATCH}), val, **named)"),
                around_predict(f"return reference(model, changed(inputs, {BY_THE_BATCH}))"),
            ),
        ),
        CommonMistake(
            id="batch_statistics_in_predict",
            title="Batch normalisation still uses the statistics of the batch when the model predicts",
            advice="While it trains, batch normalisation uses the batch; when it predicts, the running averages that "
            "it stored. Switch the model to evaluation before it predicts.",
            try_it="Predict one case alone and in a batch, and subtract: every number is 0.",
            edit=training_mode,
        ),
    ),
)
