"""Changes of one key of a TOML text, which leave everything else as it was."""

import pytest

from assignments.toml_edits import with_value

TEXT = '# What it is.\nid = "a"\n\n[data]\n# Chosen by hand.\ntrain = 40  # cases\nclasses = [\n  "head",\n]\n'


def test_a_value_is_replaced_with_the_comments_that_say_why_it_was_chosen():
    assert with_value(TEXT, ("data", "train"), 12) == TEXT.replace(
        "# Chosen by hand.\ntrain = 40  # cases\n", "train = 12\n"
    )


def test_a_value_of_several_lines_goes_as_a_whole():
    assert with_value(TEXT, ("data", "classes"), None) == TEXT.replace('classes = [\n  "head",\n]\n', "")


def test_a_new_key_stands_below_its_table_and_a_new_table_at_the_end():
    assert with_value(TEXT, ("data", "val"), 0.25) == TEXT.replace("[data]\n", "[data]\nval = 0.25\n")
    assert with_value(TEXT, ("run", "mode"), "retrain") == TEXT + '\n[run]\nmode = "retrain"\n'


def test_a_key_that_is_not_there_cannot_be_removed_and_changes_nothing():
    assert with_value(TEXT, ("data", "path"), None) == TEXT
    assert with_value('id = "a"\n', ("data", "path"), None) == 'id = "a"\n'


@pytest.mark.parametrize("value", [None, 12])
def test_a_value_within_a_line_of_others_is_left_to_a_person(value):
    assert with_value("data = { train = 40, val = 8 }\n", ("data", "train"), value) is None
