"""Pseudonyms are stable, different, and tell nothing without the secret."""

from graders.course.pseudonyms import pseudonyms

SECRET = bytes(32)


def test_500_groups_have_500_names():
    names = pseudonyms((f"group-{i}" for i in range(500)), SECRET, "mlp_classifier")
    assert len(set(names.values())) == 500


def test_more_groups_than_names_still_differ():
    names = pseudonyms((f"group-{i}" for i in range(3200)), SECRET, "mlp_classifier")
    assert len(set(names.values())) == 3200


def test_the_same_secret_gives_the_same_name_in_any_order():
    assert pseudonyms(["a", "b"], SECRET, "x") == pseudonyms(["b", "a", "a"], SECRET, "x")


def test_another_secret_or_assignment_gives_other_names():
    groups = [f"group-{i}" for i in range(20)]
    first = pseudonyms(groups, SECRET, "x")
    assert sum(first[g] == pseudonyms(groups, b"1" * 32, "x")[g] for g in groups) <= 1
    assert sum(first[g] == pseudonyms(groups, SECRET, "y")[g] for g in groups) <= 1
