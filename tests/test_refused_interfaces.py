"""An interface that cannot work stops every command that would go by it, with all that is wrong and exit code 2."""

import pytest

from tests.small_course import SOUND, medmark, write_course

BROKEN = {
    "-> Model: ...\ndef predict": "-> dict[str, float]: ...\ndef predict",
    'prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]': 'prob: Float[np.ndarray, "n k"]',
    "def save(model: Model, folder: str)": "def save(model: Model)",
}
WRONG = (
    "interface.py:23 fit: returns dict[str, float]", "interface.py:24 predict: ", "interface.py:25 save: is called as",
)  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("refused") / "course", {"sound": SOUND})
    path = folder / "halves" / "interface.py"
    text = path.read_text()
    for old, new in BROKEN.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return folder


@pytest.mark.parametrize("words", [
    ("collect", "halves"), ("grade", "halves", "--trust-submissions"), ("rehearse", "halves"),
    ("handout", "halves", "out"), ("handout", "halves", "out", "--course", "."),
], ids=" ".join)  # fmt: skip
def test_every_command_that_goes_by_it_says_all_that_is_wrong(course, words):
    output = medmark(*words, cwd=course)
    assert output.code == 2
    assert [wrong for wrong in WRONG if wrong not in output.err] == []


def test_doctor_lists_it_as_missing(course):
    output = medmark("doctor", "-c", ".", cwd=course)
    assert output.code == 1
    assert [wrong for wrong in WRONG if wrong not in "".join((output.out + output.err).split("\n"))] == []


def test_a_file_that_raises_is_said_in_a_line(course):
    path = course / "halves" / "interface.py"
    text = path.read_text()
    path.write_text("import sys\nsys.exit(7)\n")
    output = medmark("grade", "halves", "--trust-submissions", cwd=course)
    path.write_text(text)
    assert output.code == 2
    assert "interface.py:2: cannot be imported: SystemExit: 7; correct the file" in output.err
