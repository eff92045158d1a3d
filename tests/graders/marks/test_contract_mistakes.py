"""The misconceptions that contracts bring: edits of an assignment's own references, beside its own misconceptions."""

import ast

import pytest

from assignments.load import references
from graders.authoring.misconceptions import misconceptions
from graders.marks import diagnosis
from graders.marks.contract_mistakes import contract_misconceptions, impossible_mistakes
from graders.record.rehearsal import Pattern
from tests.assignments.contracts.examples import EXAMPLES, example

OWN = """\
[[misconception]]
id = "seed_ignored"
title = "Own title"
told = "Own words."
edits = [{ find = "torch.manual_seed(seed)", replace = "torch.manual_seed(int(time.time()))", framework = "pytorch" }]
fails = ["same_seed_same_model"]
"""


@pytest.mark.parametrize("id", EXAMPLES)
def test_every_edit_is_python_that_differs_from_the_reference(tmp_path, id):
    assignment = example(tmp_path, id)
    texts = {framework: path.read_text() for framework, path in references(assignment).items()}
    for mistake in contract_misconceptions(assignment):
        for framework, text in texts.items():
            edited = mistake.applied(framework, text)
            ast.parse(edited)
            assert (edited != text) == bool(mistake.edits_for(framework))
        assert mistake.fails[0] in assignment.contracts


def test_an_authors_own_misconception_wins_and_may_fail_a_contract(tmp_path):
    assignment = example(tmp_path, "rows")
    (assignment.folder / "misconceptions.toml").write_text(OWN)
    by_id = {mistake.id: mistake for mistake in misconceptions(assignment)}
    assert by_id["seed_ignored"].title == "Own title"
    assert by_id["seed_fixed"].fails == ("other_seed_other_model",)


def test_a_scale_has_its_own_mistakes(tmp_path):
    columns, intensity = ({m.id for m in contract_misconceptions(example(tmp_path, id))} for id in ("rows", "scans"))
    assert {"no_scaling", "clipped_to_numbers"} <= columns
    assert "fixed_window" not in columns
    assert "fixed_window" in intensity
    assert not {"no_scaling", "clipped_to_numbers"} & intensity
    assert not [line for line in impossible_mistakes(example(tmp_path / "again", "rows")) if "fixed_window" in line]


def test_the_diagnosis_knows_what_a_tutor_says_of_them(tmp_path, monkeypatch):
    assignment = example(tmp_path, "lengths")
    seen = {"same_seed_same_model": ("wrong_answer", "answer of seed_ignored")}
    monkeypatch.setattr(diagnosis, "recorded_patterns", lambda _: (Pattern("seed_ignored", "numpy", seen),))
    mistakes = diagnosis.known_mistakes(assignment)
    (named,) = diagnosis.likeliest({**dict.fromkeys(assignment.contracts), **seen}, mistakes)
    (mistake,) = named.mistakes
    assert (mistake.id, mistake.title) == ("seed_ignored", "`fit` draws random numbers that its seed does not decide")
    assert mistake.advice.startswith("Initial weights")
    assert mistake.try_it
