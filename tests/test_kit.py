"""A handout is a kit to start from: train, look, commit and check, as its README says, with nothing else at hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from assignments.assignment import Person
from assignments.derived.brief import brief_text
from assignments.derived.interface import solution_interface
from assignments.derived.starter import starter_texts
from assignments.folders import catalogue
from assignments.load import load, references
from graders.authoring.anchors import proving_frameworks
from graders.record.calibration import accuracies
from tests.commands import ROOT, typed
from tests.graders.intake.pdfs import pdf
from tests.graders.intake.repositories import git, make
from tests.loaded import of_catalogue
from tests.small_course import SOUND, environment, medmark, write_assignment, write_course

LOGS = SOUND.replace(
    "budget_s):\n    return Threshold()",
    "budget_s, log=None):\n    for step in range(3):\n        log and log(step, 1 / (1 + step), 0.5 + step / 10)\n"
    "    return Threshold()",
)


class Desk:
    """A student's clone with the kit in it."""

    def __init__(self, home: Path, assignment: str | Path):
        self.output = medmark("handout", assignment, home / "out")
        assert self.output.code == 0, self.output.err
        self.id = Path(assignment).name
        make(home / "host.git", {"README.md": "ours"})
        git("clone", "--quiet", f"file://{home}/host.git", str(home / "clone"))
        shutil.copytree(home / "out" / self.id, home / "clone" / self.id)
        self.home, self.clone, self.kit = home, home / "clone", home / "clone" / self.id

    def train(self, *words):
        variables = {**environment(), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "train.py", *words]
        return subprocess.run(command, cwd=self.kit, env=variables, capture_output=True, text=True, check=True).stdout

    def follow_the_readme(self):
        """Type the five commands of the README, each in the kit's folder; what they printed."""
        commands = (self.kit / "README.md").read_text().partition("## Five commands")[2].partition("\n## ")[0]
        typed_here = [line.strip() for line in commands.splitlines() if line.startswith("    ")]
        assert len(typed_here) == 5
        tools = self.home / "tools"
        tools.mkdir()
        for name, words in (("python", sys.executable), ("medmark", f"{sys.executable} -m cli")):
            (tools / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (tools / name).chmod(0o755)
        people = {f"GIT_{role}_{key}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        variables = {**environment(), **people, "PATH": f"{tools}:{os.environ['PATH']}"}
        printed = []
        for line in typed_here:
            ended = subprocess.run(["sh", "-c", line], cwd=self.kit, env=variables, capture_output=True, text=True)
            assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
            printed.append(ended.stdout)
        return printed

    def check(self, *words):
        output = typed(["check", *map(str, words)], self.kit, environment())
        assert "Traceback" not in output.err, output.err
        return output

    def push(self):
        git("-C", str(self.clone), "add", "-A")
        git("-C", str(self.clone), "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "Work")
        git("-C", str(self.clone), "push", "--quiet")


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path, write_assignment(tmp_path / "halves"))
    (desk.kit / "solution.py").write_text(LOGS)
    return desk


def test_the_five_commands_of_the_readme_take_a_kit_from_training_to_hand_in(desk):
    trained, checked, _, _, handed_in = desk.follow_the_readme()
    assert "16 cases to train on, 4 for validation" in trained
    assert "step      2  loss 0.3333  validation 0.7000" in trained
    assert "accuracy 1.000" in trained
    assert "trivial 0.5, pass 0.6" in trained
    assert (desk.kit / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (desk.kit / "cases.png").read_bytes().startswith(b"\x89PNG")
    tracked = git("-C", str(desk.clone), "ls-files").splitlines()
    assert f"{desk.id}/train.py" in tracked
    assert not [name for name in tracked if name.startswith(f"{desk.id}/data/") or name.endswith(".png")]
    for output in (checked, handed_in):
        assert "1 of 1 public tests passed" in output
        assert "accuracy 1.000" in output
    assert "ignore rules" not in handed_in


def test_a_new_clone_fetches_the_cases_from_the_archive(desk):
    shutil.rmtree(desk.kit / "data")
    assert desk.check().code == 1
    output = desk.check("--data", desk.home / "out" / f"{desk.id}-data.zip")
    assert output.code == 0, output.out + output.err
    assert "2 files of cases in" in output.out


def test_a_single_point_shows_and_rows_have_no_empty_frames(desk):
    (desk.kit / "solution.py").write_text(LOGS.replace("range(3)", "range(1)"))
    desk.train()
    middle = imread(desk.kit / "curve.png")[100:-100, 200:-200, :3]  # inside the axes, without the legend
    assert (np.ptp(middle, axis=2) > 0.2).sum() > 20  # pixels with a colour
    assert imread(desk.kit / "cases.png").shape[0] < 100


def test_a_fit_without_log_trains_all_the_same(desk):
    (desk.kit / "solution.py").write_text(SOUND)
    said = desk.train()
    assert "fit takes no `log`: no learning curve" in said
    assert not (desk.kit / "curve.png").exists()
    assert "accuracy 1.000" in said


def test_the_readme_says_what_is_there_and_what_to_type(desk):
    text = (desk.kit / "README.md").read_text()
    (wheel,) = desk.kit.glob("medmark-*.whl")
    assert f"pip install ./{wheel.name}" in text
    assert "16 cases are in `data/train`." in text
    assert "| `x` | float32 | 4 |" in text
    assert "60 marks: accuracy on hidden cases (your `fit` is run on hidden training cases): trivial 0.5" in text
    assert "one hidden test on a model of its own" in text
    with np.load(desk.kit / "data/train.npz") as data:
        assert len(data["x"]) == 16


def test_a_course_says_how_medmark_is_installed_and_when_the_work_is_due(tmp_path):
    folder = write_course(tmp_path / "course", {"sound": SOUND})
    (folder / "course.toml").write_text(
        'title = "Halves"\nyear = "2027"\ntimezone = "UTC"\ninstall = "pip install medmark-at-ucl==0.1.0"\n'
        '[access]\nallow_file = true\n[assignments.halves]\nsource = "halves"\ndeadline = 2027-03-05T16:00:00\n'
    )
    assert medmark("handout", "halves", tmp_path / "out", "-c", folder).code == 0
    text = (tmp_path / "out/halves/README.md").read_text()
    assert "    pip install medmark-at-ucl==0.1.0\n" in text
    assert "**Due Friday 5 March 2027, 16:00 (UTC).**" in text
    assert not list((tmp_path / "out/halves").glob("*.whl"))
    leaving = medmark("data", "halves", "--leaves", "-c", folder)
    assert "README.md" in leaving.out
    assert ".whl" not in leaving.out  # what leaves is this handout


def test_instructions_for_assistants_are_in_a_kit_only_where_an_author_wrote_them(tmp_path):
    folder = write_assignment(tmp_path / "halves")
    assert medmark("handout", folder, tmp_path / "without").code == 0
    assert not (tmp_path / "without/halves/AGENTS.md").exists()
    (folder / "AGENTS.md").write_text("Explain, do not solve.\n")
    assert medmark("handout", folder, tmp_path / "out").code == 0
    assert (tmp_path / "out/halves/AGENTS.md").read_text() == "Explain, do not solve.\n"


@pytest.mark.parametrize("id", catalogue())
def test_every_starter_and_interface_of_the_catalogue_has_log_and_every_brief_names_the_papers(id):
    assignment = of_catalogue(id)
    brief = brief_text(assignment)
    if fit := solution_interface(assignment).functions.get("fit"):
        assert fit.signature.parameters["log"].default is None
        # A reference may have more for experiments, such as a weight of the adversarial loss.
        assert re.search(r"budget_s, log=None(, \w+=[\w.]+)*\):", starter_texts(assignment)["solution.py"])
        assert "`fit(train, val, *, seed, budget_s, log=None)`" in brief
    numbers = {1: "one page|at most 1 page", 2: "two pages|at most 2 pages", 3: "three pages|at most 3 pages"}
    for paper in (criterion for criterion in assignment.criteria if isinstance(criterion, Person)):
        assert f"`{paper.file}`" in brief
        assert re.search(numbers[paper.max_pages], brief)


KITS = [(id, framework) for id in catalogue() for framework in proving_frameworks(of_catalogue(id))]


def test_the_rubric_stands_in_the_readme_and_its_file_lies_beside_so_that_check_still_loads(tmp_path):
    folder = write_assignment(tmp_path / "halves")
    report = '[[criterion]]\nid = "report"\nkind = "person"\npoints = 3\nrubric = "paper.toml"\n'
    toml = folder / "assignment.toml"
    toml.write_text(toml.read_text().replace("points = 60", "points = 57") + report)
    level = '{ title = "Good", points = [0, 3], descriptor = "It can be repeated." }'
    (folder / "paper.toml").write_text(
        f'[[line]]\nid = "method"\ntitle = "Method"\npoints = 3\nquestion = "Can it be repeated?"\nlevels = [{level}]\n'
    )
    desk = Desk(tmp_path, folder)
    readme = (desk.kit / "README.md").read_text()
    assert (
        "- 3 marks: report, by a person, by these lines:\n"
        "  - Method, 3 marks: Can it be repeated?\n"
        "    - Good (0 to 3): It can be repeated.\n"
    ) in readme
    assert load(desk.kit, public=True).criterion("report").lines == load(folder).criterion("report").lines


@pytest.mark.slow
@pytest.mark.parametrize(("id", "framework"), KITS)
def test_every_kit_of_the_catalogue_runs_from_end_to_end(tmp_path, id, framework):
    desk, assignment = Desk(tmp_path, id), of_catalogue(id)
    shutil.copy(references(assignment)[framework], desk.kit / "solution.py")
    (desk.kit / "report.pdf").write_bytes(pdf(1))
    trains = bool(accuracies(assignment))
    assert (desk.kit / "train.py").is_file() == trains
    if trains:
        said = desk.train("--budget", "20")
        assert "saved to" in said
        assert (desk.kit / "curve.png").is_file()
        assert "validation subjects. Anchors:" in said
    desk.push()
    output = desk.check("--handin")
    assert output.code == 0, output.out + output.err
    if trains:
        assert os.path.getsize(desk.kit / "cases.png") > 1000
