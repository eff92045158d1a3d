"""The seed is used: another one gives another model."""

from assignments.contracts.answers import furthest, varied_cases
from assignments.contracts.contract import CommonMistake, Contract
from assignments.contracts.edits import around_fit
from assignments.testing import needs, points_to


def test_other_seed_other_model(trained, small_cases, rng):
    """`fit` with another seed gives another model."""
    cases, answer, learnt = varied_cases(trained.calls, trained.model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    other = trained.calls.fit(trained.train, seed=2, budget_s=trained.budget_s)
    # Labels may agree where the networks behind them do not.
    outputs, others = (trained.calls.outputs(model, cases) for model in (trained.model, other))
    extremes = ((answer == answer.min()) | (answer == answer.max())).mean()
    points_to("seed_fixed", extremes < 0.9)  # else two trainings may have become equally sure
    assert furthest(outputs, others) > 1e-4


CONTRACT = Contract(
    about=("fit",),
    trainings=1,
    mistakes=(
        CommonMistake(
            id="seed_fixed",
            title="`fit` uses a seed of its own in place of the one that it receives",
            advice="Marks are a mean over several trainings, and error bars come from their spread. With a fixed seed "
            "all of them are one training.",
            try_it="Call `fit` with seed=1 and seed=2, and compare what both models predict.",
            edit=around_fit("return reference(train, val, **{**named, 'seed': 1})"),
        ),
    ),
)
