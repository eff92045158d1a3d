"""The seed is used: another one gives another model."""

from assignments.contracts.answers import apart, varies
from assignments.contracts.contract import CommonMistake, Contract
from assignments.contracts.edits import around_fit
from assignments.testing import close, needs


def test_other_seed_other_model(trained, small_cases, rng):
    """`fit` with another seed gives another model."""
    cases = small_cases(8, rng)
    answer = trained.answer(cases)
    needs(
        varies(trained.calls, trained.model, cases, answer),
        "`fit` has to learn first: all cases get nearly the same answer",
    )
    other = trained.calls.fit(trained.train, seed=2, budget_s=trained.budget_s)
    differs = apart(answer, trained.calls.answer(other, cases)) > 1e-4
    if not differs:  # labels may agree where the networks behind them do not
        logits = [trained.calls.logits(model, cases) for model in (trained.model, other)]
        differs = logits[0] is not None and logits[1] is not None and apart(logits[0], logits[1]) > 1e-4
    assert close(float(differs), 1.0, mistaken={"seed_fixed": 0.0})


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
