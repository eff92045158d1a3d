"""Units carry no information: a column in millimetres or metres, an image of another scanner.

`scale = "columns"` trains again on columns in other units. `scale = "intensity"` predicts for images whose intensities
are multiplied and shifted, which is another scanner's patient for the model that was trained.
"""

import numpy as np

from assignments.contracts.answers import apart, changed, floats, varied_cases, varies
from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around, around_fit, around_predict, both, deviations_of_1
from assignments.testing import close, needs, points_to


def in_other_units(cases, keys, units):
    return changed(cases, keys, {key: cases[key] * units[key] for key in keys})


def other_units(columns, rng):
    """A factor for each column, such that the columns with the largest numbers get the smallest.

    Powers of two: nothing is rounded, so that a sound training takes the very same steps.
    """
    size = columns.std(axis=0, dtype=np.float64)
    powers = np.log2(np.where(size > 0, size, 1))
    exponents = rng.integers(-4, 5, len(size)) - np.round(2 * (powers - powers.mean()))
    return (2.0 ** np.clip(exponents, -24, 24)).astype(columns.dtype)


def sees_nothing_beyond(bound, trained, cases, keys, answer):
    """Whether the trained model gives the same answer again when each larger number is a quarter larger."""
    far = {key: np.abs(cases[key]) > bound for key in keys}
    larger = {key: np.where(far[key], 1.25 * cases[key], cases[key]).astype(cases[key].dtype) for key in keys}
    are_there = any(each.any() for each in far.values())
    return are_there and apart(answer, trained.answer(changed(cases, keys, larger))) < 1e-6


def scanned_again(cases, keys, factors, shifts):
    """Images as another scanner gives them: of each case the range is shifted by a share of itself, and multiplied."""
    new = {}
    for key in keys:
        shape = (-1, *(1 for _ in cases[key].shape[1:]))
        range_ = np.ptp(cases[key], axis=tuple(range(1, cases[key].ndim))).reshape(shape)
        new[key] = (factors.reshape(shape) * (cases[key] + shifts.reshape(shape) * range_)).astype(cases[key].dtype)
    return changed(cases, keys, new)


def standardised(cases, keys, like):
    """The columns with mean 0 and SD 1 in the cases `like`."""
    new = {key: (cases[key] - like[key].mean(0)) / (like[key].std(0) + np.float32(1e-12)) for key in keys}
    return changed(cases, keys, new)


def test_units(trained, small_cases, options, rng):
    """In other units, the model gives the same answers for the same cases."""
    calls = trained.calls
    count = 64 if options.scale == "columns" else 6
    cases, answer, learnt = varied_cases(calls, trained.model, small_cases, count, rng)
    if options.scale == "columns":
        keys = floats(calls, cases, axes=1)
        if not learnt:  # would it, had somebody scaled the columns?
            helped = calls.fit(standardised(trained.train, keys, trained.train), seed=1, budget_s=trained.budget_s)
            scaled = standardised(cases, keys, trained.train)
            points_to("no_scaling", varies(calls, helped, scaled, calls.answer(helped, scaled)))
        needs(learnt, "`fit` has to learn first: all cases get nearly the same answer, as when no column is scaled")
        units = {key: other_units(trained.train[key], rng) for key in keys}
        model = calls.fit(in_other_units(trained.train, keys, units), seed=1, budget_s=trained.budget_s)
        clipped = (sees_nothing_beyond(bound, trained, cases, keys, answer) for bound in (1, 10, 100))
        points_to("clipped_to_numbers", any(clipped))
        other = calls.answer(model, in_other_units(cases, keys, units))
    else:
        keys = floats(calls, cases)
        needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
        n = len(answer)
        # Below any window, only a scaling of each image by itself can still tell anything apart.
        powers = (-12 - (np.arange(n) + first) % 4 for first in (0, 2))
        faint, as_faint = (scanned_again(cases, keys, 2.0**power, np.zeros(n)) for power in powers)
        seen = calls.answer(trained.model, faint)
        scaled = varies(calls, trained.model, faint, seen) and apart(seen, calls.answer(trained.model, as_faint)) < 0.05
        points_to("fixed_window", scaled)
        factors, shifts = 2.0 ** rng.choice([-4, -3, 3, 4], n), rng.uniform(0.5, 1, n)
        other = calls.answer(trained.model, scanned_again(cases, keys, factors, shifts))
    assert close(apart(answer, other), 0.0, atol=0.05)


CLIPPED = "lambda v: np.clip(v, -1, 1)"
WINDOWED = "lambda v: np.clip(v, -_window, _window)"

CONTRACT = Contract(
    about=("fit", ENTRY),
    options=("scale",),
    trainings=1,
    mistakes=(
        CommonMistake(
            id="no_scaling",
            title="The model is trained on the columns as they come",
            advice="A column that counts in hundreds decides every step, and one in tenths is not seen. Shift and "
            "scale each column by its mean and standard deviation in the training cases.",
            try_it="Print mean and standard deviation of each column as it enters the first layer.",
            edit=deviations_of_1,
            scale="columns",
        ),
        CommonMistake(
            id="clipped_to_numbers",
            title="The columns are clipped to numbers that stand in the code, before they are scaled",
            advice="np.clip(x, -1, 1) keeps a column in one unit, and cuts all of it in another. Scale first; what is "
            "far out can be cut afterwards, in standard deviations.",
            try_it="Divide a column by 1000, train again, and compare what both models predict.",
            edit=both(
                around_fit(f"return reference(changed(train, {CLIPPED}), val, **named)"),
                around_predict(f"return reference(model, changed(inputs, {CLIPPED}))"),
            ),
            scale="columns",
        ),
        CommonMistake(
            id="fixed_window",
            title="Intensities are cut at a fixed number, before they are scaled",
            advice="The intensities of MRI and ultrasound have no unit: another scanner shows the same patient in "
            "other numbers, and a window that suits the training images cuts them all. Use percentiles of each image.",
            try_it="Multiply an image by 10, and compare what the model predicts.",
            edit=both(
                around_fit(
                    f"""
                    values = [np.abs(np.asarray(each)) for key in keys for each in train[key]]
                    globals()["_window"] = np.quantile(np.concatenate([each.ravel() for each in values]), 0.9)
                    return reference(changed(train, {WINDOWED}), val, **named)
                    """
                ),
                around_predict(
                    f"""
                    globals().setdefault("_window", np.inf)
                    return reference(model, changed(inputs, {WINDOWED}))
                    """
                ),
                around(  # a number in the code is there in every process
                    "save",
                    "def save(model, folder):",
                    """
                    reference(model, folder)
                    np.save(f"{folder}/window.npy", globals().get("_window", np.inf))
                    """,
                ),
                around(
                    "load",
                    "def load(folder):",
                    """
                    globals()["_window"] = float(np.load(f"{folder}/window.npy"))
                    return reference(folder)
                    """,
                ),
            ),
            scale="intensity",
        ),
    ),
)
