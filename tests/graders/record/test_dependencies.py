"""What a stage really imports when it runs is found by following imports in text, or left out for a written reason."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy
import pytest

from assignments.errors import UserError
from graders.metrics import METRICS
from graders.record.dependencies import FAMILIES, NOT_FOLLOWED, TOOLKIT, dependencies, installed
from graders.record.keys import INSIDE, ROOTS
from graders.tasks import TASKS

NAMED = {"TASKS": tuple(TASKS), "METRICS": tuple(METRICS)}


def package(folder: Path, **files: str) -> Path:
    """A toolkit of some files of `graders`, where `tasks__one` is graders/tasks/one.py."""
    for name, text in {"": "", **files}.items():
        path = folder / "graders" / f"{name.replace('__', '/') or '__init__'}.py"
        path = path.with_name("__init__.py") if path.stem == "family" else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def followed(folder: Path, *starts: str, **ways) -> set[str]:  # type: ignore[no-untyped-def]
    return {name.rpartition("/")[2] for name in dependencies(starts, toolkit=folder, **ways).digests}


@pytest.mark.parametrize("text", [
    "import graders.b", "import graders.b as other", "from graders import b", "from graders import b as other",
    "from graders.b import name", "from . import b", "from .b import name", "import numpy, graders.b",
    "def later():\n    from graders import b", "try:\n    pass\nexcept ImportError:\n    import graders.b",
    "match 1:\n    case 1:\n        import graders.b",
    "class A:\n    def f(self):\n        with x:\n            import graders.b",
    "if x:\n    pass\nelif y:\n    import graders.b", "if TYPE_CHECKING:\n    pass\nelse:\n    import graders.b",
])  # fmt: skip
def test_every_way_to_import_is_followed(tmp_path: Path, text: str) -> None:
    package(tmp_path, a=text, b="import graders.c", c="import graders.a")
    assert followed(tmp_path, "graders/a.py") == {"__init__.py", "a.py", "b.py", "c.py"}


@pytest.mark.parametrize("text", [
    "import numpy", "import gradersb", "# import graders.b", "'import graders.b'",
    "if TYPE_CHECKING:\n    import graders.b", "if typing.TYPE_CHECKING:\n    from graders import b",
])  # fmt: skip
def test_what_is_not_run_is_not_followed(tmp_path: Path, text: str) -> None:
    package(tmp_path, a=text, b="")
    assert followed(tmp_path, "graders/a.py") <= {"__init__.py", "a.py"}


@pytest.mark.parametrize("text", ["import graders.lost", "from graders import lost", "from graders.lost import name"])
def test_an_import_of_a_file_that_is_not_there_is_an_error(tmp_path: Path, text: str) -> None:
    package(tmp_path, a=text)
    with pytest.raises(UserError, match=r"graders/lost\.py is missing.*pip install"):
        followed(tmp_path, "graders/a.py")


def test_a_star_takes_all_that_a_package_holds(tmp_path: Path) -> None:
    package(tmp_path, a="from graders.wall import *", wall__family="from graders import b", b="")
    assert followed(tmp_path, "graders/a.py") == {"__init__.py", "a.py", "b.py"}


@pytest.mark.parametrize("text", [
    "try:\n    import graders.later\nexcept ImportError:\n    pass", "from graders import later",
    "from graders.b.later import name",
])  # fmt: skip
def test_what_an_author_imports_and_this_medmark_lacks_is_no_dependency(tmp_path: Path, text: str) -> None:
    """Their import fails when it runs, or they catch it: either way this installation is whole."""
    package(tmp_path, b="")
    assert followed(tmp_path, authors=[f"import graders.b\n{text}".encode()]) <= {"__init__.py", "b.py"}


FAMILY = """
from graders.tasks import one, two
from graders.tasks.form import Form

TASKS: dict[str, Form] = {"one": one.ONE, "two": two.TWO}


def named(name, two=None):
    return Form(TASKS[name], two)
"""


@pytest.fixture
def family(tmp_path: Path) -> Path:
    return package(tmp_path, a="from graders.tasks import named", tasks__family=FAMILY,
                   tasks__one="import graders.helps", tasks__two="", tasks__form="",
                   helps="", b="from graders.tasks import Form")  # fmt: skip


def test_of_a_family_the_named_entry_and_what_finds_it_are_followed(family: Path) -> None:
    # `two` is a module there and a parameter in `named`, which is another thing.
    assert followed(family, "graders/a.py", named={"TASKS": ["two"]}) == {"__init__.py", "a.py", "form.py", "two.py"}
    assert {"one.py", "helps.py"} <= followed(family, "graders/a.py", named={"TASKS": ["one"]})


def test_a_star_takes_all_of_a_family(family: Path) -> None:
    assert {"form.py", "one.py", "two.py"} <= followed(family, authors=[b"from graders.tasks import *"])


def test_of_a_family_whose_entry_is_not_known_everything_is_followed(family: Path) -> None:
    everything = {"__init__.py", "a.py", "form.py", "helps.py", "one.py", "two.py"}
    assert followed(family, "graders/a.py") == everything
    assert followed(family, "graders/a.py", named={"TASKS": ["three"]}) == everything


def test_what_a_family_only_hands_on_is_followed_to_where_it_stands(family: Path) -> None:
    assert followed(family, "graders/b.py", named={"TASKS": ["two"]}) == {"__init__.py", "b.py", "form.py"}


def test_a_family_counts_by_the_entries_that_are_named_and_by_what_finds_them(family: Path) -> None:
    name = "graders/tasks/__init__.py"

    def digest() -> str:
        return dependencies(["graders/a.py"], named={"TASKS": ["two"]}, toolkit=family).digests[name]

    path, before = family / name, digest()
    path.write_text(FAMILY.replace("one.ONE", "one.OTHER").replace("import one, two", "import one, three, two"))
    (family / "graders/tasks/three.py").touch()
    assert digest() == before
    path.write_text(FAMILY.replace("two.TWO", "two.OTHER"))
    assert digest() != before
    path.write_text(FAMILY.replace("TASKS[name]", "TASKS.get(name)"))
    assert digest() != before


def test_every_exception_has_a_reason_and_still_ends_the_search_somewhere() -> None:
    """One that no longer does is to be taken out: it would hide what comes to that place later."""
    stopped = set().union(*(dependencies(starts, named=NAMED).stopped for starts in ROOTS.values()))
    assert stopped == NOT_FOLLOWED.keys()
    assert all(len(reason.split()) > 5 for reason in NOT_FOLLOWED.values())


def test_packages_of_others_are_noted_wherever_they_are_imported(tmp_path: Path) -> None:
    package(tmp_path, a="import json, numpy.linalg\nfrom . import b", b="def f():\n    from scipy import ndimage")
    files = dependencies(["graders/a.py"], authors=[b"import skimage\nfrom .own import x"], toolkit=tmp_path)
    assert files.outside == {"numpy", "scipy", "skimage"}


def test_a_package_is_known_by_the_name_it_is_imported_under() -> None:
    versions = installed(["numpy", "skimage", "git", "nowhere_to_be_found"])
    assert versions == {"numpy": numpy.__version__, "skimage": version("scikit-image"), "git": version("GitPython")}


@pytest.mark.parametrize("stage", ROOTS)
def test_all_that_a_stage_imports_of_others_is_installed(stage: str) -> None:
    outside = dependencies(ROOTS[stage], named=NAMED).outside
    assert installed(outside).keys() == outside >= {"numpy"}


def test_no_stage_depends_on_what_makes_marks_and_pages() -> None:
    rooms = {name.split("/")[1] for starts in ROOTS.values() for name in dependencies(starts, named=NAMED).digests}
    assert rooms.isdisjoint({"course", "intake", "marks", "runs", "record", "authoring", "demo"})


STAGES = """
import sys, tempfile, tomllib
from pathlib import Path

stage, folder = sys.argv[1], Path(sys.argv[2])
before = set(sys.modules)
from assignments.assignment import Assignment
from assignments.interface import read_interface

values = tomllib.loads((folder / "assignment.toml").read_text())
assignment = Assignment.model_validate({**values, "folder": folder})
interface = read_interface(folder / "interface.py")
if stage == "scores":
    from assignments.data.hidden import hidden_set
    from graders.record.answers import Answers
    from graders.scoring.score import score

    hidden = hidden_set(assignment, b"secret", 0, ("x",), "y")
    criterion = next(one for one in assignment.criteria if one.kind == "accuracy")
    score(assignment, criterion, [hidden], [Answers({"prob": hidden.inputs["x"][:, 0] * 0 + 0.5})])
else:
    from graders.wall.sandboxes.local import Local
    from graders.wall.sandboxes.sandbox import SandboxSpec
    from graders.wall.session import Session

    solution = Path(sys.argv[3])
    spec = SandboxSpec(solution, "numpy", assignment.limits)
    with tempfile.TemporaryDirectory() as store, Local().open(spec) as channel:
        session = Session(channel, assignment.limits)
        session.begin()
        if stage == "tests":
            from graders.asking.check import CodeTests, run_tests

            code_tests = CodeTests(assignment.id, folder / "hidden_tests", interface, assignment.limits, b"secret")
            files = sorted((folder / "hidden_tests").glob("test_*.py"))
            names = [f"{path.name}::{line.split('(')[0][4:]}" for path in files
                     for line in path.read_text().splitlines() if line.startswith("def test_")]
            assert any(result.verdict == "passed" for result in run_tests(session, code_tests, names).values())
        else:
            from assignments.data.hidden import hidden_set
            from graders.asking.measure import measure

            hidden = hidden_set(assignment, b"secret", 0, ("x",), "y")
            sets = hidden.input_set
            measure(session, assignment, interface, sets, secret=b"secret", commit="c0ffee", store=Path(store))
for name in set(sys.modules) - before:
    file = getattr(sys.modules[name], "__file__", None)
    if name.split(".")[0] in ("assignments", "graders", "reports", "cli") and file:
        print(file)
"""


@pytest.mark.parametrize("stage", ROOTS)
def test_every_module_that_a_stage_imports_when_it_runs_is_in_its_key_or_left_out_for_a_reason(stage: str) -> None:
    groups = TOOLKIT / "tests/example_groups"
    process = subprocess.run(
        [sys.executable, "-c", STAGES, stage, groups / "assignment", groups / "perfect"],
        cwd=TOOLKIT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {Path(line).relative_to(TOOLKIT).as_posix() for line in process.stdout.splitlines()}
    assert set(ROOTS[stage]) - {"assignments/testing.py"} <= loaded
    inside_keys = dependencies(ROOTS[stage], named={"TASKS": ["classification"], "METRICS": ["auroc"]}).digests
    left_out = [
        name for name in loaded for reason in NOT_FOLLOWED
        if name == reason or (reason.endswith("/") and name.startswith(reason))
    ]  # fmt: skip
    behind = dependencies([*left_out, *FAMILIES], named={}).digests
    assert sorted(loaded - inside_keys.keys() - behind.keys()) == []
    assert not any(name.startswith(INSIDE) for name in loaded)
