"""A training can be repeated: everything random in `fit` comes from its seed."""

from assignments.contracts.answers import apart, furthest, varied_cases
from assignments.contracts.contract import CommonMistake, Contract
from assignments.contracts.edits import around_fit
from assignments.testing import close, needs, points_to


def test_same_seed_same_model(trained, small_cases, rng):
    """`fit` with the same seed and the same cases gives the same model."""
    cases, answer, learnt = varied_cases(trained.calls, trained.model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    # In the worker of the first model: a new process starts every generator anew, with a seed or without.
    again = trained.calls.fit(trained.train, seed=1, budget_s=trained.budget_s)
    repeats = apart(answer, trained.answer(cases)) < 1e-4
    points_to("seed_ignored", repeats)
    outputs, others = (trained.calls.outputs(model, cases) for model in (trained.model, again))
    assert close(furthest(outputs, others), 0.0, atol=0.01)


CONTRACT = Contract(
    about=("fit",),
    trainings=1,
    mistakes=(
        CommonMistake(
            id="seed_ignored",
            title="`fit` draws random numbers that its seed does not decide",
            advice="Initial weights, the order of the cases, augmentation and dropout each draw random numbers. Seed "
            "your framework and your own generator at the start of `fit`, with the seed that it receives.",
            try_it="Call `fit` twice with one seed in one program, and compare what both models predict.",
            edit=around_fit(
                """
                globals()["_fits"] = globals().get("_fits", 0) + 1  # chance that a rehearsal can repeat
                return reference(train, val, **{**named, "seed": 1000 + _fits})
                """
            ),
        ),
    ),
)
