"""The word list of CONTRIBUTING.md holds: no retired word in names or texts, and no two classes with one name."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests import words

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "CONTRIBUTING.md": "it lists the retired words",
    "assignments/catalogue/": "a rehearsal of an hour proves these files as they stand",
    "reference_solutions/": "a calibration rests on these files as they stand",
}
TWO_ENDS = {"Encoder"}
"""Each end of the wire has one: the code behind the wall imports nothing of the toolkit."""


@pytest.fixture(scope="module")
def everywhere():
    return words.hits()


def test_no_retired_word_is_a_name_or_stands_in_a_text(everywhere):
    hits = [hit for hit in everywhere if not hit.file.startswith(tuple(ALLOWED))]
    assert not hits, "\n".join(f"{hit.file}:{hit.line}: {hit.word}; CONTRIBUTING.md says what to write" for hit in hits)


def test_every_exception_is_still_needed(everywhere):
    files = {hit.file for hit in everywhere}
    assert [path for path in ALLOWED if not any(file.startswith(path) for file in files)] == []


def test_no_two_public_classes_of_the_toolkit_share_a_name():
    files = [file for room in ("assignments", "graders", "reports") for file in (ROOT / room).rglob("*.py")]
    homes = defaultdict(set)
    for path in [ROOT / "cli.py", *files]:
        if not {"catalogue", "groups"} & set(path.parts):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].add(path.relative_to(ROOT).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1 and name not in TWO_ENDS} == {}


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def asked_names(): ...", "asked_names"),
        ("found = 1", "found"),
        ("def read(told): ...", "told"),
        ("class Lodging: ...", "Lodging"),
        ('"""A fault of ours."""', "of ours"),
        ("x = 1  # a mask is no probability", "is no"),
    ],
)
def test_a_retired_word_is_seen(source, word, tmp_path, monkeypatch):
    monkeypatch.setattr(words, "ROOT", tmp_path)
    (tmp_path / "file.py").write_text(source + "\n")
    assert [hit.word for hit in words.hits(["file.py"])] == [word]


@pytest.mark.parametrize("source", ["found_in = 1", '"""There is no mask."""', "x = 1  # it is no longer there"])
def test_a_word_in_its_plain_use_is_not(source, tmp_path, monkeypatch):
    monkeypatch.setattr(words, "ROOT", tmp_path)
    (tmp_path / "file.py").write_text(source + "\n")
    assert words.hits(["file.py"]) == []
