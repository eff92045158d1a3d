"""Only a proven assignment is handed out, and nothing hidden with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assignments.errors import UserError
from assignments.folders import CATALOGUE
from assignments.handout_note import RuntimeFacts, read_note
from graders.authoring.handing_out import hand_out
from graders.record.proof_status import ProofStatus
from graders.wall.sandboxes.runtime_records import locked


def set_proven(monkeypatch, holds):
    status = ProofStatus("2027-01-01T00:00:00+00:00", fresh=holds, passed=holds, gaps=())
    monkeypatch.setattr("graders.authoring.handing_out.proof_status", lambda assignment: status)


def test_a_handout_holds_what_students_need_and_nothing_hidden(tmp_path, monkeypatch):
    set_proven(monkeypatch, True)
    written = {path.relative_to(tmp_path).as_posix() for path in hand_out("mlp_classifier", tmp_path)}
    assert {"mlp_classifier/brief.md", "mlp_classifier/solution.py", "mlp_classifier/interface.py"} <= written
    assert any(name.startswith("mlp_classifier/public_tests/") for name in written)
    text = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    hidden = (CATALOGUE / "mlp_classifier/hidden_tests/test_learning.py").read_text()
    assert "def before_one_step(" in hidden
    assert b"def before_one_step(" not in text
    assert not [name for name in written if "hidden" in name or "misconception" in name or "calibration" in name]


def test_a_handout_says_what_a_hand_in_may_cost(tmp_path, monkeypatch):
    set_proven(monkeypatch, True)
    hand_out("mlp_classifier", tmp_path)
    text = (tmp_path / "mlp_classifier/limits.md").read_text()
    assert "- memory: 2048 MB" in text
    assert "- `fit`: 20 CPU s" in text
    # 17 tests of 20 s, four files and the trained model with 120 s each, five runs of 60 s: 1240 s; and two minutes of
    # doing nothing.
    assert "All together at most 21 min of CPU time, which takes 23 min while a core is free" in text


def test_a_handout_names_the_packages_of_the_default_runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "nothing is built here"))
    set_proven(monkeypatch, True)
    hand_out("mlp_classifier", tmp_path)
    note = read_note(tmp_path / "mlp_classifier")
    for framework in ("pytorch", "tensorflow"):
        assert {"matplotlib", "mpl_toolkits", "skimage", "SimpleITK"} <= set(note.runtimes[framework].modules)
        assert note.runtimes[framework].packages == locked(framework)
    requirements = (tmp_path / "mlp_classifier/requirements.txt").read_text().splitlines()
    assert f"# scikit-image=={locked('pytorch')['scikit-image']}" in requirements
    assert f"# monai=={locked('pytorch')['monai']}" in requirements
    assert [line for line in requirements if not line.startswith("#")] == ["matplotlib"]
    readme = (tmp_path / "mlp_classifier/README.md").read_text()
    assert "since the marker has them: einops, matplotlib, monai (pytorch), nibabel, pandas, pillow, " in readme


def test_a_handout_of_a_slim_runtime_promises_no_medical_package(tmp_path, monkeypatch):
    facts = RuntimeFacts("3.11", locked("pytorch", "slim"), ("torch",))
    monkeypatch.setattr("graders.authoring.handing_out.facts_of", lambda framework: facts)
    set_proven(monkeypatch, True)
    hand_out("mlp_classifier", tmp_path)
    assert "scikit" not in (tmp_path / "mlp_classifier/requirements.txt").read_text()
    assert "may import these too" not in (tmp_path / "mlp_classifier/README.md").read_text()


def test_an_assignment_of_the_catalogue_that_is_not_proven_is_not_handed_out(tmp_path, monkeypatch):
    set_proven(monkeypatch, False)
    with pytest.raises(UserError, match="Prove it: medmark rehearse mlp_classifier"):
        hand_out("mlp_classifier", tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_instructors_own_assignment_is_handed_out_with_its_gaps(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(CATALOGUE / "mlp_classifier", own)
    shutil.rmtree(own / "proofs")
    assert hand_out(str(own), tmp_path / "out")


def test_handing_out_again_never_overwrites_work(tmp_path, monkeypatch):
    set_proven(monkeypatch, True)
    hand_out("mlp_classifier", tmp_path)
    Path(tmp_path / "mlp_classifier/solution.py").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        hand_out("mlp_classifier", tmp_path)
    assert Path(tmp_path / "mlp_classifier/solution.py").read_text() == "mine"
