"""Two distributions from one tree: students install no answer and no hidden test, and need no tool of the staff."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cli
from assignments.derived.notebook import NotebookTerms, notebook_of
from assignments.derived.starter import starter_texts
from assignments.load import load
from assignments.notebook import write_notebook
from graders.authoring.student_wheel import student_wheel
from tests.commands import ROOT
from tests.small_course import SOUND, environment, write_assignment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, built from a copy of what Git tracks: medmark's and medmark-staff's."""
    home = tmp_path_factory.mktemp("wheels")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (home / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / "tree" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", home, home / "tree", home / "tree/staff"], check=True)
    version = PROJECT["version"]
    return home / f"medmark-{version}-py3-none-any.whl", home / f"medmark_staff-{version}-py3-none-any.whl"


def contents(wheel):
    """Every file of a wheel but its own records: path and digest."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def shipped():
    """The files of the packages, those of the catalogue among them."""
    folders = ("assignments", "graders", "reports", "reference_solutions")
    suffixes = {".py", ".toml", ".json", ".md", ".html", ".css", ".js", ".lock", ".txt"}
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = [path for path in paths if path.suffix in suffixes or path.name.startswith("Dockerfile")]
    return {path.relative_to(ROOT).as_posix() for path in kept if "__pycache__" not in path.parts} | {"cli.py"}


def test_the_students_wheel_holds_no_answer_and_no_hidden_test(wheels):
    students, staff = map(contents, wheels)
    secret = {
        name for name in shipped()
        if name.startswith("reference_solutions/") or "/hidden_tests/" in name or "/baseline_" in name
        or name.startswith("assignments/contracts/")
        or "/proofs/" in name or name.endswith("misconceptions.toml")
    }  # fmt: skip
    assert secret
    assert secret == staff.keys()
    digests = {hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in secret}
    assert not digests & set(students.values())


def test_together_they_hold_every_file_once(wheels):
    students, staff = map(contents, wheels)
    assert not students.keys() & staff.keys()
    assert students.keys() | staff.keys() == shipped()


def test_the_wheel_in_a_kit_is_the_students_wheel(wheels, tmp_path):
    kit = student_wheel(tmp_path)
    assert kit.name == wheels[0].name
    assert contents(kit) == contents(wheels[0])
    assert metadata(kit)["Version"] == metadata(wheels[0])["Version"]
    assert student_wheel(tmp_path / "..").read_bytes() == kit.read_bytes()


def test_both_have_one_version_and_the_extra_of_the_staff_brings_the_other(wheels):
    students, staff = map(metadata, wheels)
    version = PROJECT["version"]
    assert students["Version"] == staff["Version"] == version
    assert staff.get_all("Requires-Dist") == [f"medmark=={version}"]
    assert f"medmark-staff=={version}" in PROJECT["optional-dependencies"]["staff"]


def test_a_student_installs_no_framework_and_no_tool_of_the_staff(wheels):
    required = [line for line in metadata(wheels[0]).get_all("Requires-Dist") if "extra ==" not in line]
    heavy = ("docker", "pandas", "scikit", "matplotlib", "torch", "tensorflow", "openpyxl", "gitpython", "nbgrader")
    assert not [line for line in required if line.lower().startswith(heavy)]


def test_what_a_student_installs_beside_numpy_and_scipy_is_at_most_40_mb():
    """By the files that each distribution lists; the byte code that pip compiles is among them."""
    left, sizes = [*PROJECT["dependencies"]], {"numpy": 0, "scipy": 0}
    while left:
        requirement = Requirement(left.pop())
        name = canonicalize_name(requirement.name)
        if name not in sizes and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            of = distribution(name)
            sizes[name] = sum(
                path.stat().st_size for file in of.files or () if (path := Path(of.locate_file(file))).is_file()
            )
            left += of.requires or ()
    own = sum(path.stat().st_size for name in shipped() if (path := ROOT / name).is_file())
    assert 20e6 < sum(sizes.values()) + own < 40e6, sizes


@pytest.fixture
def students_medmark(wheels, tmp_path):
    """Runs a command of the students' wheel, where nothing of the staff can be imported."""
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path / "site")
    without = (*cli.STAFF_MODULES, "matplotlib", "reference_solutions")
    script = f"import sys; sys.modules |= dict.fromkeys({without!r}); import cli; cli.main()"

    def run(*words, cwd):
        variables = {**environment(), "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"}
        return subprocess.run(
            [sys.executable, "-c", script, *map(str, words)], cwd=cwd, env=variables, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    return run


def test_a_student_checks_with_the_students_wheel_alone(students_medmark, tmp_path):
    write_assignment(tmp_path / "halves")
    (tmp_path / "halves/solution.py").write_text(SOUND)
    shutil.rmtree(tmp_path / "halves/hidden_tests")
    done = students_medmark("check", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert "1 of 1 public tests passed." in done.stdout


def test_an_assignment_of_the_catalogue_can_be_checked_without_its_hidden_tests(students_medmark, tmp_path):
    (tmp_path / "mlp_classifier").mkdir()
    starter = starter_texts(load(ROOT / "assignments/catalogue/mlp_classifier"))["solution.py"]
    (tmp_path / "mlp_classifier/solution.py").write_text(starter)
    done = students_medmark("check", "mlp_classifier", cwd=tmp_path)
    assert "Traceback" not in done.stderr, done.stderr
    assert "public tests passed." in done.stdout
    assert ":( the model was not tried, since there are no public cases here" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("words", [["rehearse", "mlp_classifier"], ["handout", "mlp_classifier", "out"]])
def test_what_needs_hidden_tests_names_the_install(students_medmark, tmp_path, words):
    done = students_medmark(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "its hidden tests and references are not installed" in " ".join(done.stderr.split())
    assert "pip install 'medmark[staff]'" in " ".join(done.stderr.split())


def test_a_command_that_needs_a_tool_of_the_staff_names_the_install(students_medmark, tmp_path):
    done = students_medmark("image", "build", "numpy", "--from-host", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "this needs docker, which students do without. Install it: pip install 'medmark[staff]'" in done.stderr


def test_a_notebook_checks_itself_with_nothing_but_the_students_wheel(wheels, tmp_path):
    folder = write_assignment(tmp_path / "halves") or tmp_path / "halves"
    (folder / "reference").mkdir(exist_ok=True)
    (folder / "reference/solution_numpy.py").write_text(SOUND)
    notebook = notebook_of(load(folder), "numpy", NotebookTerms("pip install medmark"), solved=True)
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path / "site")
    work = tmp_path / "work"
    work.mkdir()
    (work / "solution.ipynb").write_bytes(write_notebook(notebook))
    script = f"""
import sys
sys.modules |= dict.fromkeys({(*cli.STAFF_MODULES, "matplotlib", "reference_solutions")!r})
from pathlib import Path
from assignments.notebook import plain_python, read_notebook
for cell in read_notebook(Path("solution.ipynb").read_bytes()).cells:
    if cell.kind == "code":
        exec(plain_python(cell.source).text)
print(check())
"""
    variables = {**environment(), "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=work, env=variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1.0"
    assert [path.name for path in work.iterdir()] == ["solution.ipynb"]
