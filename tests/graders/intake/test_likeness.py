"""Staff learn which hand-in is a published reference or the starter, however it was laid out."""

from __future__ import annotations

import re

import pytest

from assignments.derived.starter import starter_texts
from assignments.folders import catalogue
from assignments.load import references
from graders.intake.likeness import code_tokens, copied_from, is_starter
from tests.loaded import of_catalogue

ASSIGNMENTS = {id: of_catalogue(id) for id in catalogue()}
REFERENCES = [(id, name) for id, of in ASSIGNMENTS.items() for name in references(of)]


@pytest.fixture
def solution(tmp_path):
    def of(text):
        path = tmp_path / "solution.py"
        path.write_text(text)
        return path

    return of


def text_of(id, framework):
    return references(ASSIGNMENTS[id])[framework].read_text()


@pytest.mark.parametrize(("id", "framework"), REFERENCES)
def test_a_reference_is_recognised_without_its_comments_and_with_other_names(solution, id, framework):
    text = re.sub(r"\b(model|train|images|labels|weights|bias|x|logit|seed)\b", r"\1_1", text_of(id, framework))
    text = re.sub(r"(?m)\s*#.*$", "", text)
    line = copied_from(solution(text), ASSIGNMENTS[id])
    share, name = re.fullmatch(r"(\d+)% of the code of solution.py is that of the published (.+)", line).groups()
    assert int(share) >= 75
    assert name == f"solution_{framework}.py"


@pytest.mark.parametrize("id", catalogue())
def test_a_solution_of_another_topic_is_not(solution, id):
    for other, framework in REFERENCES:
        if other != id:
            assert copied_from(solution(text_of(other, framework)), ASSIGNMENTS[id]) == ""


@pytest.mark.parametrize("id", catalogue())
def test_the_starter_is_the_starter_whatever_its_comments_and_layout(solution, id):
    starter = starter_texts(ASSIGNMENTS[id])["solution.py"]
    changed = "# Group 7\n" + starter.replace("\n\n\n", "\n\n\n\n") + "\n# to do\n"
    assert is_starter(solution(changed), ASSIGNMENTS[id])
    assert copied_from(solution(changed), ASSIGNMENTS[id]) == ""
    assert not is_starter(solution(starter + "\nx = 1\n"), ASSIGNMENTS[id])


def test_layout_comments_docstrings_and_names_of_variables_do_not_count(solution):
    one = code_tokens(solution('def f(a):\n    """Doc."""\n    return np.mean(a)  # mean\n'))
    assert one == code_tokens(solution("def f( values ):\n\n    return np.mean(\n        values)\n"))
    assert one != code_tokens(solution("def f(a):\n    return np.median(a)\n"))


@pytest.mark.parametrize("text", ["def f(:\n", "x = " + "(" * 500 + ")" * 500, "", "\0", "-" * 5000 + "1"])
def test_what_is_no_code_of_a_person_is_like_nothing(solution, text):
    path = solution(text)
    for assignment in ASSIGNMENTS.values():
        assert copied_from(path, assignment) == ""
        assert not is_starter(path, assignment)
