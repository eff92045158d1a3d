"""`check` says when it is not the medmark that wrote the handout."""

from __future__ import annotations

import pytest

from assignments.handout_note import HandoutNote
from graders.intake import own_versions
from graders.intake.own_versions import other_medmark


@pytest.fixture
def assignment_of(tmp_path, monkeypatch):
    """An assignment's folder with a handout of this version; the installed one is 1.2."""
    from assignments.assignment import Assignment

    monkeypatch.setattr(own_versions, "medmark_version", lambda: "1.2")

    def of(medmark):
        if medmark is not None:
            (tmp_path / "handout.json").write_text(HandoutNote("mlp", medmark, "").text())
        return Assignment.model_construct(id="mlp", folder=tmp_path)

    return of


def test_a_handout_of_another_version_is_told_with_both(assignment_of):
    line = other_medmark(assignment_of("1.3"))
    assert line.startswith("this is medmark 1.2, and the handout is of 1.3")


@pytest.mark.parametrize("medmark", ["1.2", "", None])
def test_the_same_version_or_none_is_not_mentioned(assignment_of, medmark):
    assert other_medmark(assignment_of(medmark)) == ""
