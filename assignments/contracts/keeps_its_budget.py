"""`fit` ends when its CPU seconds are used up; the kernel counts them, and not a clock that the solution reads."""

from assignments.contracts.answers import varied_cases
from assignments.contracts.contract import CommonMistake, Contract
from assignments.contracts.edits import around_fit
from assignments.testing import needs, points_to

SHARE, START_S = 1.2, 3.0
"""How much longer than its budget a training may take, and what it may take besides to build and end."""


def test_keeps_its_budget(student, calls, small_cases, options, rng):
    """`fit` takes no more CPU seconds than its budget, however many cases there are."""
    own, cases = calls(student), small_cases(options.cases, rng)
    model, used = own.cpu_s_of(lambda: own.fit(cases, seed=1, budget_s=options.budget_s))
    points_to("budget_ignored", used >= SHARE * options.budget_s + START_S)
    assert used < SHARE * options.budget_s + START_S
    _, _, learnt = varied_cases(own, model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")


CONTRACT = Contract(
    about=("fit",),
    options=("cases", "budget_s"),
    trained=False,
    mistakes=(
        CommonMistake(
            id="budget_ignored",
            title="`fit` does not look at `budget_s`",
            advice="Training that runs as many epochs as on your own machine is ended by the marker when the cases are "
            "more or the machine is slower, and then there is no model at all. Look at time.process_time() after each "
            "step, and stop in time.",
            try_it="Call `fit` with a budget of 2 s, and print time.process_time() before and after.",
            edit=around_fit("return reference(train, val, **{**named, 'budget_s': 1e9})"),
        ),
    ),
)
