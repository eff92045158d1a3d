"""Problems that would stop a solution in the sandbox are reported before it runs, each with a cure."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict

import pytest

from assignments.handout_note import RuntimeFacts
from graders.intake.source import PARSED_BYTES
from graders.intake.static_checks import missing_solution, static_checks
from graders.wall.sandboxes.runtime_records import Runtime, facts_of, locked, modules_of
from tests.graders.intake.test_submission import assignment  # noqa: F401  (a fixture)

LINE = 'FRAMEWORK = "pytorch"\n'


def runtime_with(framework):
    """A runtime with these modules."""
    return RuntimeFacts("3.11", {}, ("torch", "numpy", "sklearn", "tensorflow", "PIL"))


@pytest.fixture
def problems_of(tmp_path, assignment):  # noqa: F811
    """The problems of a solution of these files."""

    def of(source, **files):
        folder = tmp_path / "work"
        for name, text in {"solution.py": LINE + source, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return static_checks(folder, assignment, runtime_with).problems

    return of


def test_what_the_runtime_and_the_folder_hold_is_not_a_problem(problems_of):
    source = (
        "from __future__ import annotations\nimport os.path, torch.nn as nn\nfrom sklearn import svm\n"
        "from PIL import Image\nimport tensorflow\nimport helper\nfrom package import deep\nimport notes.draft\n"
        "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        'if __name__ == "__main__":\n    import matplotlib\n'
    )
    files = {"helper.py": "", "package/__init__.py": "from . import deep\nfrom .deep import x", "package/deep.py": ""}
    assert problems_of(source, **files, **{"notes/draft.py": "", "train_all.py": "import wandb"}) == ()


MEDICAL = (
    "import matplotlib.pyplot as plt\nfrom mpl_toolkits.mplot3d import Axes3D\nimport pandas, skimage, sklearn\n"
    "import nibabel, SimpleITK\nfrom einops import rearrange\nfrom PIL import Image\n"
    "from tqdm import tqdm\nimport monai\n"
)


def test_medical_packages_are_in_the_default_runtime_and_not_in_a_slim_one(tmp_path, assignment, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path))
    (tmp_path / "solution.py").write_text(LINE + MEDICAL)
    assert static_checks(tmp_path, assignment, facts_of).problems == ()

    record(tmp_path, locked("pytorch", "slim"))
    (problem,) = static_checks(tmp_path, assignment, facts_of).problems
    assert "nor in the marker's runtime: matplotlib (solution.py:2), mpl_toolkits (solution.py:3), pandas" in problem


def record(home, packages):
    """Write the record of a slim PyTorch runtime."""
    (home / "images").mkdir()
    built = Runtime(
        "pytorch", "d", "i", "p", (), packages, tuple(module for name in packages for module in modules_of(name)),
        "3.11.9", "host", (), "2027-01-01", "slim",
    )  # fmt: skip
    (home / "images" / "pytorch.json").write_text(json.dumps(asdict(built)))


def test_no_more_is_parsed_of_all_files_together_than_of_one(problems_of):
    """Forty files of the largest size would take minutes and gigabytes at each collection."""
    files = {"first.py": "import pandas\n", "second.py": "import wandb\n"}
    (problem,) = problems_of("import first, second\n", **files)
    assert "pandas" in problem
    assert "wandb" in problem
    padding = "#" * (PARSED_BYTES * 2 // 3)
    (problem,) = problems_of("import first, second\n", **{name: text + padding for name, text in files.items()})
    assert ("pandas" in problem) != ("wandb" in problem)


def test_a_missing_package_is_reported_with_its_line_also_where_a_helper_imports_it(problems_of):
    (problem,) = problems_of("import helper\ndef f():\n    import einops\n", **{"helper.py": "import pandas as pd\n"})
    assert "einops (solution.py:4), pandas (helper.py:1)" in problem or "pandas (helper.py:1)" in problem
    assert "ask the course's staff to add it" in problem
    assert "if it is your module, commit it beside solution.py" in problem


@pytest.mark.parametrize(
    ("source", "files", "cure"),
    [
        ("from .helper import f", {"helper.py": ""}, "solution.py is not in a package: write from helper import f"),
        ("from . import helper", {"helper.py": ""}, "write import helper"),
        ("import one", {"one.py": "from .two import g"}, "one.py:1: from .two import g cannot work"),
        ("import p.a", {"p/a.py": "from ..b import g", "b.py": ""}, "write from b import g"),
        ("from mlp.helper import f", {"helper.py": ""}, "is not a package for the marker; write from helper import f"),
        ("import mlp.helper", {"helper.py": ""}, "write import helper"),
        ("import Helper", {"helper.py": ""}, "there is helper, and capital letters count"),
        ("import helper", {"src/helper.py": ""}, "its file is src/helper.py; write from src import helper"),
    ],
)
def test_a_module_of_the_solution_that_is_imported_wrongly_is_reported_with_the_cure(problems_of, source, files, cure):
    (problem,) = problems_of(source + "\n", **files)
    assert cure in problem


def test_a_relative_import_inside_a_package_is_not_a_problem(problems_of):
    assert problems_of("import p.a\n", **{"p/a.py": "from .b import g", "p/b.py": ""}) == ()


def test_a_solution_that_moves_the_search_path_finds_its_modules_anywhere(problems_of):
    assert problems_of("import sys\nsys.path.insert(0, 'src')\nimport helper\n", **{"src/helper.py": ""}) == ()


def test_a_module_whose_file_is_named_in_decomposed_letters_is_reported(problems_of):
    name = "données"
    (problem,) = problems_of(f"import {name}\n", **{unicodedata.normalize("NFD", name) + ".py": ""})
    assert "name of its file has decomposed letters" in problem
    assert problems_of(f"import {name}\n", **{unicodedata.normalize("NFC", name) + ".py": ""}) == ()


def test_where_the_runtime_is_not_known_only_ones_own_files_are_judged(tmp_path, assignment):  # noqa: F811
    (tmp_path / "solution.py").write_text(LINE + "import pandas\n")
    assert static_checks(tmp_path, assignment, lambda _: None).problems == ()


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        ('open("config.json")', "solution.py:2: open('config.json')"),
        ('np.load("./weights/w.npy")', "np.load"),
        ('Path("weights")', "Path('weights')"),
        ('open(Path(__file__).parent / "config.json")', None),
        ('open("elsewhere.json")', None),
        ('archive.open("config.json")', None),
        ('os.chdir(HERE); open("config.json")', None),
        ('if __name__ == "__main__": open("config.json", "w")', None),
    ],
)
def test_a_file_of_the_solution_opened_from_the_current_folder_is_reported(problems_of, source, reported):
    problems = problems_of(source + "\n", **{"config.json": "{}", "weights/w.npy": ""})
    if reported is None:
        assert problems == ()
    else:
        assert reported in problems[0]
        assert "write Path(__file__).parent / " in problems[0]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["Solution.py"], "There is Solution.py: capital letters count"),
        (["solution.PY"], "There is solution.PY: capital letters count"),
        (["Mlp_Classifier/solution.py"], "There is Mlp_Classifier/solution.py: capital letters count"),
        (["mlp_classifier/src/solution.py"], "There is mlp_classifier/src/solution.py: if that is your work"),
        (["prostate_unet/solution.py"], "There is prostate_unet/solution.py: if that is your work for mlp_classifier"),
        (["mlp_classifier/Solution.ipynb"], "There is mlp_classifier/Solution.ipynb: capital letters count"),
        (["work.ipynb", "README.md"], "There is work.ipynb: rename it solution.ipynb (git mv, then commit and push)"),
        (["a.ipynb", "b.ipynb"], "There is a.ipynb, b.ipynb: name the one that counts solution.ipynb"),
        (["my_solution.py", "train.py"], "There is my_solution.py: if that is your solution, rename it"),
        (["solution.py.txt"], "There is solution.py.txt: if that is"),
        (["main.py", "model.py"], "There is main.py, model.py: if that is"),
        ([f"m{i}.py" for i in range(9)], "and 4 more"),
    ],
)
def test_a_missing_solution_is_reported_with_what_is_there_instead(paths, words):
    problem = missing_solution(paths, "mlp_classifier")
    assert problem.startswith("there is no solution.py: put it at mlp_classifier/solution.py, or in the root of")
    assert words in problem


def test_where_nothing_is_there_nothing_is_named():
    assert missing_solution(["README.md"], "mlp").endswith("or in the root of the repository")


def test_a_runtime_offers_what_its_lock_promises(monkeypatch, tmp_path, assignment):  # noqa: F811
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "none"))
    (tmp_path / "solution.py").write_text(LINE + "import torch, numpy, scipy, tensorflow\n")
    (problem,) = static_checks(tmp_path, assignment, facts_of).problems
    assert "nor in the marker's runtime: tensorflow (solution.py:2);" in problem
