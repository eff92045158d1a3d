"""What a model knows, it learnt from the labels that it receives: with labels that say nothing, it answers by chance.

Two trainings share the work: the second has the labels of the first, exchanged. A learner that happens to be right in
one is as wrong in the other; a solution that brings its labels from elsewhere is right in both.
"""

import numpy as np

from assignments.contracts.answers import association
from assignments.contracts.contract import CommonMistake, Contract
from assignments.contracts.edits import around_fit
from assignments.testing import close, needs, points_to


def without_meaning(truth, rng):
    """Truths (n,) that have nothing to do with the cases, and the same exchanged: low for high, first class for last.

    Of each true class, every class gets an equal share.
    """
    order = rng.permutation(len(truth))
    if truth.dtype.kind == "f":
        new = truth[order]
    else:
        new, classes = np.empty_like(truth), int(truth.max()) + 1
        for value in np.unique(truth):
            of_class = order[truth[order] == value]
            new[of_class] = (np.arange(len(of_class)) + rng.integers(classes)) % classes
    return new, (truth.max() + truth.min() - new).astype(truth.dtype)


def test_shuffled_labels(trained, small_cases, rng):
    """Trained on labels that say nothing of the cases, the model answers no better than chance."""
    calls, cases = trained.calls, small_cases(96, rng)
    facts = calls.facts
    truth = cases[facts.truth]
    learnt = association(trained.answer(cases), truth)
    needs(learnt > 0.3, "`fit` has to learn first: the answers say little about new cases")
    by_chance = []
    for labels in without_meaning(trained.train[facts.truth], rng):
        model = calls.fit({**trained.train, facts.truth: labels}, seed=1, budget_s=trained.budget_s)
        by_chance.append(association(calls.answer(model, cases), truth))
    points_to("labels_ignored", min(by_chance) > 0.8 * learnt)
    assert close(np.mean(by_chance) / learnt, 0.0, atol=0.4)


CONTRACT = Contract(
    about=("fit",),
    tasks=frozenset({"classification", "regression"}),
    why="a case there has more than one truth",
    trainings=2,
    mistakes=(
        CommonMistake(
            id="labels_ignored",
            title="`fit` does not learn from the cases that it receives",
            advice="The model knows what the labels of this training do not say: it comes from a file, from a table of "
            "the internet, or from an earlier call. Then nobody can tell how good the method is.",
            try_it="Shuffle the labels, train again, and score the validation cases: that has to be chance.",
            edit=around_fit(
                """
                cases = globals().setdefault('_cases', [])
                cases.append((train, val))
                return reference(*cases[0], **named)
                """
            ),
        ),
    ),
)
