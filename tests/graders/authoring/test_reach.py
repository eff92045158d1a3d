"""What a change in a solution can reach: everything that leads to it, and, where nobody can say, everything."""

import pytest

from graders.authoring.reach import definitions, out_of_reach, reached, trains_the_same

TEXT = '''\
"""A solution."""

import numpy as np

SLOPES = {"steep": 2}


def double(x):
    return SLOPES["steep"] * x


def train(x):
    model = Model()
    return model.halve(double(x))


class Model:
    def halve(self, x, double=None):
        return apart(x)


def apart(x):
    return x / 2


def by_word(x):
    return globals()["apart"](x)


def alone(x):
    return np.abs(x)


def twice(function):
    return lambda x: function(function(x))


@twice
def decorated(x, how=alone):
    return how([double := x][0])
'''


ALL = {"double", "train", "Model", "apart", "by_word", "alone", "twice", "decorated"}


@pytest.mark.parametrize(
    ("names", "all_of_them"),
    [
        (["double"], {"double"}),
        (["apart"], {"apart"}),
        (["train"], {"train", "double", "Model", "apart"}),
        (["Model"], {"Model", "apart"}),  # its `double` is an argument
        (["decorated"], {"decorated", "twice", "alone"}),
        (["by_word"], {"by_word", "apart"}),
        (["alone", "unknown"], {"alone"}),
    ],
)
def test_a_definition_leads_to_those_whose_names_it_has(names, all_of_them):
    assert reached(definitions(TEXT), names) == all_of_them


def test_what_the_import_runs_is_always_within_reach():
    text = TEXT + "\n\nTABLE = double(3)\n"
    assert reached(definitions(text), ["alone"]) == {"alone", "double"}


@pytest.mark.parametrize(
    ("old", "new", "out"),
    [
        ("return x / 2", "return x // 2", {"double", "alone", "twice", "decorated"}),
        ("np.abs(x)", "-x", {"double", "train", "Model", "apart", "by_word", "twice"}),
        ("return x / 2", "return x / 2  # half", ALL),
        ('{"steep": 2}', '{"steep": 3}', set()),  # not in a definition
        ("import numpy as np", "import numpy", set()),
        ("def apart(x):", "def apart_(x):", set()),  # another set of definitions
        ("return x / 2", "return x /", set()),  # not Python
    ],
)
def test_a_test_is_spared_where_no_change_is_within_its_reach(old, new, out):
    after = TEXT.replace(old, new)
    assert out_of_reach(TEXT, after, {name: [name] for name in definitions(TEXT).code}) == out


def test_a_test_that_used_nothing_is_never_spared():
    assert out_of_reach(TEXT, TEXT, {"none": [], "one": ["apart"]}) == {"one"}


WRAPPED = """

_old_alone = alone


def alone(x):
    return _old_alone(double(x))
"""


def test_a_second_definition_of_a_name_is_part_of_it():
    assert reached(definitions(TEXT + WRAPPED), ["alone"]) == {"alone", "_old_alone", "double"}
    assert reached(definitions(TEXT + WRAPPED), ["apart"]) == {"apart"}


def test_a_wrapped_function_is_within_reach_of_those_that_call_it():
    names = {"alone": ["alone"], "decorated": ["decorated"], "train": ["train"], "apart": ["apart"]}
    assert out_of_reach(TEXT, TEXT + WRAPPED, names) == {"train", "apart"}


def test_another_name_stands_for_the_definition_that_it_was_given():
    later = "\n\n_old_alone = alone\n"
    without = TEXT + WRAPPED.replace(later.strip("\n"), "")
    assert out_of_reach(TEXT + WRAPPED, without + later, {"old": ["_old_alone"], "apart": ["apart"]}) == {"apart"}


@pytest.mark.parametrize("name", ["np", "globals"])
def test_a_new_name_that_hides_what_a_solution_uses_may_change_anything(name):
    text = TEXT + f"\n\ndef {name}(x):\n    return x\n"
    assert not out_of_reach(TEXT, text, {"test": ["apart"]})


TRAINING = """
def fit(train, val=None, *, seed, budget_s):
    model = step(train)
    error = None if val is None else mean_error(model, val)
    return (model, error)


def step(train):
    return sum(train)


def mean_error(model, cases):
    return abs(predict(model, cases) - cases)


def predict(model, inputs):
    return model * inputs


def save(model, folder):
    write(model, folder)


def load(folder):
    return 1.0


def write(model, folder):
    pass
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("model * inputs", "model + inputs", True),  # only validation asks `predict`
        ("abs(predict", "(predict", True),
        ("sum(train)", "max(train)", False),
        ("    pass", "    del model", False),
        ("return 1.0", "return 2.0", False),
        (
            "None if val is None else mean_error(model, val)",
            "None if val is None else 0.0",
            False,
        ),  # `fit` itself differs
        ("def save(", "def store(", False),
        ("def step(train):", "def step(train:", False),
        (
            "model * inputs",
            "model * inputs\n\n\n_first = predict\n\n\ndef predict(m, i):\n    return -_first(m, i)",
            True,
        ),
    ],
)
def test_what_fit_does_not_reach_without_validation_cases_leaves_its_training_the_same(old, new, same):
    assert trains_the_same(TRAINING, TRAINING.replace(old, new)) == same


def test_validation_by_other_words_may_reach_anything():
    for text in (
        TRAINING.replace("None if val is None else mean_error(model, val)", "mean_error(model, val or train)"),
        TRAINING.replace("model = step(train)", "val = val or train\n    model = step(train)"),
    ):
        assert not trains_the_same(text, text.replace("model * inputs", "model + inputs"))


def test_a_solution_without_save_trains_what_nobody_can_store():
    text = TRAINING.replace("def save(", "def store(")
    assert not trains_the_same(text, text)
