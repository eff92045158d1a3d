"""A damaged handout.json ends a command with the file and the cure, and never with a traceback."""

from __future__ import annotations

import json

import pytest

from assignments.errors import UserError
from assignments.handout_note import HandoutNote, RuntimeFacts, read_note

FACTS = {"python": "3.11", "packages": {"torch": "2.6"}, "modules": ["torch"]}
WHOLE = {"assignment": "mlp", "medmark": "0.1.0", "digest": "d", "runtimes": {"pytorch": FACTS}}


def note_of(folder, content):
    (folder / "handout.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_note(folder)


def runtime(**changes):
    return WHOLE | {"runtimes": {"pytorch": FACTS | changes}}


def test_a_note_is_read_as_it_was_written(tmp_path):
    note = HandoutNote(
        "mlp", "0.1.0", "d", {"pytorch": RuntimeFacts("3.11", {"torch": "2.6"}, ("torch",))}, "drawn", "a"
    )
    assert note_of(tmp_path, note.text().encode()) == note


def test_a_note_of_an_earlier_medmark_lacks_keys_and_one_of_a_later_has_more(tmp_path):
    assert note_of(tmp_path, {"assignment": "mlp", "later": [1]}) == HandoutNote("mlp", "", "")


def test_without_the_file_there_is_no_note(tmp_path):
    assert read_note(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "assignment"),
        (WHOLE | {"assignment": 5}, "assignment"),
        (WHOLE | {"medmark": ["0.1.0"]}, "medmark"),
        (WHOLE | {"data": None}, "data"),
        (WHOLE | {"runtimes": None}, "runtimes"),
        (WHOLE | {"runtimes": [FACTS]}, "runtimes"),
        (WHOLE | {"runtimes": {"pytorch": []}}, "runtimes.pytorch"),
        (WHOLE | {"runtimes": {"pytorch": {}}}, "runtimes.pytorch.python"),
        (runtime(python=3.11), "runtimes.pytorch.python"),
        (runtime(python="three"), "runtimes.pytorch.python"),
        (runtime(python="3"), "runtimes.pytorch.python"),
        (runtime(packages=["ab"]), "runtimes.pytorch.packages"),
        (runtime(packages={"torch": 2.6}), "runtimes.pytorch.packages.torch"),
        (runtime(modules="torch"), "runtimes.pytorch.modules"),
        (runtime(modules=[None]), "runtimes.pytorch.modules.0"),
        ([WHOLE], ""),
        ("mlp", ""),
        (b"", "Invalid JSON"),
        (b'{"assignment": "mlp"', "Invalid JSON"),
        (b'{"assignment": "ml\xff"}', "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
    ],
)
def test_a_damaged_note_is_a_mistake_of_the_user_with_file_and_cure(tmp_path, content, reason):
    with pytest.raises(UserError) as caught:
        note_of(tmp_path, content)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'handout.json'}: cannot be read ({reason}")
    assert text.endswith("). Fetch the handout again.")
    assert "\n" not in text


def test_a_folder_in_place_of_the_note_is_a_mistake_of_the_user_too(tmp_path):
    (tmp_path / "handout.json").mkdir()
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        read_note(tmp_path)
