"""What a change in a solution can reach: everything that leads to it, and, where nobody can say, everything."""

import pytest

from graders.authoring.reach import definitions, out_of_reach, reached

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


def test_a_second_definition_of_a_name_belongs_to_what_stands_around():
    text = TEXT + "\n\ndef alone(x):\n    return double(x)\n"
    assert reached(definitions(text), ["apart"]) == {"apart", "double"}
    assert not out_of_reach(text, text.replace("return double(x)", "return x"), {"test": ["apart"]})
