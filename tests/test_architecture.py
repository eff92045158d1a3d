"""Imports run one way: assignments <- graders <- reports <- cli; what runs behind the wall knows nothing of us."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import rooms

ROOT = Path(__file__).parents[1]
ORDER = ["assignments", "graders", "reports", "cli"]
BEHIND_THE_WALL = ["graders/wall/inside", "reference_solutions"]
TUTORIALS = "reference_solutions/tutorials"
"""Sources of notebooks, which run where medmark is installed, and never behind the wall."""
DOOR = "assignments/notebook.py"
"""`check`, which a student's notebook imports: the one function that calls a package after its own, and its name."""
LIVE = "graders/wall/live.py"
"""Asks a student's own functions in the student's own process, by the code that answers behind the wall."""
ARITHMETIC = {"numpy", "scipy", "sklearn", "skimage"}
"""What a metric may import besides the standard library."""


def files(*folders):
    """The toolkit's own Python files; an assignment's folder is content, and its tests import `assignments.testing`."""
    for folder in folders:
        path = ROOT / folder
        for file in [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else sorted(path.rglob("*.py")):
            if "catalogue" not in file.parts:
                yield file


@cache
def imported(file):
    """(line, dotted name) of every absolute import of a file."""
    return list(imported_of(nodes(file.read_text(encoding="utf-8"))))


def nodes(text):
    """Every node of a source, in one walk for all that looks at them."""
    return list(ast.walk(ast.parse(text)))


def offences(folders, forbidden):
    return [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in files(*folders)
        for line, name in imported(file)
        if forbidden(name)
    ]


def within(name, packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("package", ORDER)
def test_no_package_imports_one_that_comes_after_it(package):
    later = ORDER[ORDER.index(package) + 1 :]
    upwards = offences([package], lambda name: within(name, later))
    door = [line for line in upwards if line.startswith(f"{DOOR}:") and line.endswith(" reports.live_check.check_live")]
    assert upwards == door
    assert len(door) == (package == "assignments")


@pytest.mark.parametrize("folder", BEHIND_THE_WALL)
def test_what_runs_behind_the_wall_imports_nothing_of_the_toolkit(folder):
    imports = offences([folder], lambda name: within(name, [*ORDER, "reference_solutions"]))
    assert [line for line in imports if not line.startswith(f"{TUTORIALS}/")] == []


def test_a_tutorial_imports_what_an_author_may_and_the_cases_that_a_student_can_draw():
    doors = ["assignments.testing", "assignments.interface", "assignments.data.sources"]
    assert offences([TUTORIALS], lambda name: within(name, ORDER) and not within(name, doors)) == []


def test_nothing_imports_what_runs_behind_the_wall():
    walled = [folder.replace("/", ".") for folder in BEHIND_THE_WALL]
    assert [
        line for line in offences(ORDER, lambda name: within(name, walled)) if not line.startswith(f"{LIVE}:")
    ] == []


def test_a_metric_is_arithmetic_only():
    allowed = {*sys.stdlib_module_names, *ARITHMETIC}
    names = ["graders.metrics", "assignments.errors", "assignments.metric_names"]  # what a name means, and its cure
    outside = offences(["graders/metrics"], lambda name: name.split(".")[0] not in allowed and not within(name, names))
    assert outside == []


def test_the_keeper_imports_the_standard_library_only():
    names = ("keeper", "reaping", "memory", "forking", "processes", "frames", "worker_memory")
    keeper = [f"graders/wall/inside/{name}" for name in names]
    assert offences(keeper, lambda name: name.split(".")[0] not in sys.stdlib_module_names) == []
    # These files, and no other of the folder: what a worker needs would bring a framework into the keeper.
    siblings = {alias for name in names for alias in siblings_of(ROOT / f"graders/wall/inside/{name}.py")}
    assert siblings | {"keeper"} == set(names)


def siblings_of(file):
    """The modules of its own folder that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module] if node.module else [alias.name for alias in node.names]


# Within graders/: a room imports those of the floors below it, and no two files import each other, not even for types.


def test_a_room_imports_only_rooms_of_the_floors_below_it():
    assert rooms.offences() == []


def test_no_two_rooms_and_no_two_files_of_the_engine_import_each_other():
    assert rooms.circles(rooms.between()) == []
    assert rooms.file_circles(rooms.of_files()) == []


def test_every_room_lies_on_one_floor():
    placed = [room for floor in rooms.FLOORS for room in floor]
    assert sorted(placed) == sorted({rooms.room_of(path) for path in rooms.files()})


@pytest.mark.parametrize(
    "text",
    [
        "from graders.runs.cohort import x", "import graders.runs.cohort", "from graders.runs import cohort",
        "from graders import runs", "def f():\n    from graders.runs.cohort import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from graders.runs.cohort import x",
    ],
)  # fmt: skip
def test_the_walk_of_the_rooms_sees_each_import_that_runs_up(tmp_path, monkeypatch, text):
    monkeypatch.setattr(rooms, "ROOT", tmp_path)
    (tmp_path / "graders" / "wall").mkdir(parents=True)
    (tmp_path / "graders" / "wall" / "wire.py").write_text(text)
    offence = f"graders/wall/wire.py:{1 + text.count(chr(10))}: wall imports runs"
    assert rooms.offences() == [offence]


def test_the_walk_of_the_rooms_sees_files_that_import_each_other_round_a_third(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "ROOT", tmp_path)
    home = tmp_path / "graders" / "marks"
    home.mkdir(parents=True)
    for name, text in {
        "a": "from graders.marks.b import x",
        "b": "def f():\n    from graders.marks import c",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import graders.marks.a",
        "d": "from graders.marks.a import x",
    }.items():
        (home / f"{name}.py").write_text(text)
    assert rooms.file_circles(rooms.of_files()) == [["graders.marks.a", "graders.marks.b", "graders.marks.c"]]


# What students send is data: nothing on the host may run it, or open it in a format that can.

DANGEROUS = [
    "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "dbm", "h5py", "tables",
    "xml", "lxml", "defusedxml", "bs4", "zipimport", "imp", "torch", "tensorflow", "keras", "code", "codeop", "yaml",
    "ruamel", "pty", "nbformat", "nbconvert", "IPython", "ctypes", "cffi",
]  # fmt: skip
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "breakpoint", "execfile", "os.system", "os.popen", "os.startfile",
    "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "input",
}  # fmt: skip
FORBIDDEN_METHODS = {
    "unpack_archive", "extractall", "extract", "read_pickle", "read_hdf", "read_feather", "read_parquet", "read_xml",
    "read_html", "eval", "query", "enable_load_extension", "load_extension", "from_string", "import_module",
    "exec_module", "load_module", "runcode", "interact",
}  # fmt: skip
"""Whatever they belong to; `spec_from_file_location`, `run_path` and `exec_module` have a test of their own below."""
BY_PATH = {
    "assignments/interface.py", "assignments/data/sources/own.py", "graders/metrics/__init__.py",
    "graders/asking/lifted_cells.py",
    "graders/wall/inside/answering.py", "graders/wall/inside/start.py", "graders/wall/inside/worker.py",
}  # fmt: skip
"""Files that run an author's files, an instructor's test cells, or a student's code behind the wall."""
BY_NAME = {"graders/runs/engines/preload.py", "graders/wall/sandboxes/runtimes/survey.py"}
"""Files that import by a name that is ours: pytest's plug-ins, and an image's packages while it is built."""
AUTHORS_DATA = {"h5py": {"assignments/data/folder/hdf5.py", "assignments/data/folder/hdf5_contents.py"}}
"""Modules with the files that may import them: what the teacher brings, never what a student sent."""
TRUSTED = {
    "from_string": {"assignments/derived/brief.py"},
    "exec_module": BY_PATH, "import_module": BY_NAME, "query": {"graders/metrics/far.py"},
    "ZipFile": {
        "graders/intake/weight_files.py", "graders/runs/fetched_cases.py", "graders/wall/sandboxes/runtimes/survey.py",
        "reports/archives.py",
    },
}  # fmt: skip
"""Methods with the files that may call them. An author's brief is a
template. The query is a k-d tree's for points, no data frame's for code. The
archives are on a student's own machine: weights, of which the listing of tensors is read, and the handout's cases,
whose names and digest are known; in an image's packages, which the survey searches from inside; and a workbook that was
written a moment before."""


def on_the_host():
    """Files that run on the host; the demo's groups are solutions like any other."""
    inside = (ROOT / "graders/wall/inside", ROOT / "graders/demo/groups")
    return [file for file in files(*ORDER) if not any(file.is_relative_to(folder) for folder in inside)]


def calls(nodes):
    """(call, name of what is called) for every call by a plain or dotted name."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node, ast.unparse(node.func)


def arms(text, place="", trusted=()):
    """What of a source could run, unpickle or unpack what it reads: the whole list, so that it is tried as one."""
    every = nodes(text)
    for line, name in imported_of(every):
        if within(name, DANGEROUS) and not within(name, trusted):
            yield f"{place}:{line} imports {name}"
    for node in every:
        if isinstance(node, ast.Name) and node.id in ("eval", "exec", "__import__", "__builtins__"):
            yield f"{place}:{node.lineno} names {node.id}"  # f = eval is as good as a call
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("builtins.eval", "builtins.exec"):
            yield f"{place}:{node.lineno} names {node.attr}"
        if isinstance(node, ast.Attribute) and node.attr in ("loads", "load") and "pickle" in ast.unparse(node.value):
            yield f"{place}:{node.lineno} unpickles"
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
            yield f"{place}:{node.value.lineno} asks a shell"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield f"{place}:{node.value.lineno} unpickles"
        if isinstance(node, ast.keyword) and node.arg == "autoescape" and ast.unparse(node.value) != "True":
            yield f"{place}:{node.value.lineno} leaves text unescaped"
    for node, name in calls(every):
        method = name.rsplit(".", 1)[-1]
        if name == "getattr" and "builtins" in ast.unparse(node.args[0]):
            yield f"{place}:{node.lineno} takes what it will from the builtins"
        if name in FORBIDDEN_CALLS or (method in FORBIDDEN_METHODS and method not in trusted):
            yield f"{place}:{node.lineno} calls {name}"
        if (
            method in ("load", "fromfile", "memmap")
            and name.split(".")[0] in ("np", "numpy")
            and (method != "load" or "allow_pickle=False" not in ast.unparse(node))
        ):
            yield f"{place}:{node.lineno} reads a NumPy file that may hold objects"
        if name in ("tarfile.open", "tarfile.TarFile", "zipfile.ZipFile", "ZipFile") and not (
            "mode='w'" in ast.unparse(node) or method in trusted
        ):
            yield f"{place}:{node.lineno} opens an archive"


def imported_of(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_host_cannot_run_what_it_reads():
    found = []
    for file in on_the_host():
        place = str(file.relative_to(ROOT))
        trusted = [word for word, places in (TRUSTED | AUTHORS_DATA).items() if place in places]
        found += arms(file.read_text(encoding="utf-8"), place, trusted)
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import _pickle as p", "from torch import load",
        "importlib.import_module('pickle')", "import_module('x')", "__import__('pickle')", "eval(x)", "f = eval",
        "getattr(__builtins__, 'eval')", "getattr(builtins, name)", "builtins.eval(x)",
        "np.load(f)", "np.load(f, allow_pickle=True)", "np.load(f, allow_pickle=x)", "np.memmap(f)",
        "np.lib.format.read_array(f, allow_pickle=True)",
        "pandas.read_pickle(f)", "pd.read_hdf(f)", "frame.query(x)", "frame.eval(x)", "shutil.unpack_archive(f)",
        "tarfile.open(f)", "zipfile.ZipFile(f)", "archive.extractall()", "os.system(x)", "os.popen(x)",
        "subprocess.run(x, shell=True)", "subprocess.run(x, shell=y)", "import yaml\nyaml.load(x)",
        "from xml.etree import ElementTree", "environment.from_string(x)", "Environment(autoescape=False)",
        "db.enable_load_extension(True)", "spec.loader.exec_module(m)", "import ctypes",
    ],
)  # fmt: skip
def test_the_walk_of_the_source_sees_each_way(source):
    assert list(arms(source)) != []


def test_what_the_host_does_is_not_mistaken_for_it():
    sound = "np.load(f, allow_pickle=False)\nre.compile(x)\njson.loads(x)\nsubprocess.run(['git'], shell=False)\n"
    assert list(arms(sound + "zipfile.ZipFile(f, mode='w')\nEnvironment(autoescape=True)")) == []


def test_text_is_marked_as_safe_in_one_place_only():
    """`Markup` of a variable is our own script's; a template never says that a value is safe."""
    made = {
        f"{file.relative_to(ROOT)}: {ast.unparse(node)}"
        for file in on_the_host()
        if "Markup" in (text := file.read_text(encoding="utf-8"))
        for node, name in calls(nodes(text))
        if name in ("Markup", "markupsafe.Markup") and not isinstance(node.args[0], ast.Constant)
    }
    assert made == {"reports/page.py: Markup(script)"}
    templates = sorted((ROOT / "reports/templates").iterdir())
    assert [path.name for path in templates if re.search(r"\|\s*safe|autoescape", path.read_text("utf-8"))] == []


def test_only_an_authors_files_are_run_by_path():
    ways = ("spec_from_file_location", "run_path", "run_module")
    found = {
        str(file.relative_to(ROOT))
        for file in files(*ORDER)
        if any(way in (text := file.read_text(encoding="utf-8")) for way in ways)
        for _, name in calls(nodes(text))
        if name.endswith(ways)
    }
    assert found <= BY_PATH


@cache
def bound(file):
    """Every name that a module itself binds, its functions' and classes' own left out; None where it decides late."""
    names = set()
    waiting = list(ast.parse(file.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        waiting += ast.iter_child_nodes(node)
    return None if "__getattr__" in names else names


def missing(name, root=ROOT):
    """Whether a dotted name of ours, `package.module.name`, is neither a module nor bound by one."""
    path = root.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return False
    module, name = path.parent, path.name
    file = module.with_suffix(".py") if module.with_suffix(".py").is_file() else module / "__init__.py"
    return not file.is_file() or (bound(file) is not None and name not in bound(file))


def test_every_import_of_our_own_names_something_that_is_there():
    """mypy reads the packages; tests, benchmarks and tutorials would otherwise learn of a new name when they run."""
    tree = [*files(*ORDER, "reference_solutions", "tests", "benchmarks", "docs"), *sorted((ROOT / ".ci").glob("*.py"))]
    ours = [*ORDER, "reference_solutions", "tests", "benchmarks"]
    assert [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in tree
        for line, name in imported(file)
        if within(name, ours) and missing(name)
    ] == []


def test_an_import_of_a_name_that_was_renamed_is_seen(tmp_path):
    (tmp_path / "graders").mkdir()
    (tmp_path / "graders/docker.py").write_text(
        "def environment(): own = 1\nif True:\n    A, B = 1, 2\nimport os.path\n"
    )
    there = ["graders.docker", "graders.docker.environment", "graders.docker.B", "graders.docker.os"]
    assert [missing(name, tmp_path) for name in there] == [False] * 4
    gone = ["graders.docker._environment", "graders.docker.own", "graders.podman.A"]
    assert [missing(name, tmp_path) for name in gone] == [True] * 3


def test_no_file_is_named_for_everything():
    vague = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "abstract"}
    tree = [*files(*ORDER, "reference_solutions"), *sorted((ROOT / "tests").rglob("*.py"))]
    assert [str(file.relative_to(ROOT)) for file in tree if file.stem in vague or file.parent.name in vague] == []


def test_a_reference_is_never_named_like_its_framework():
    stems = {file.stem for file in files("reference_solutions")}
    assert not stems & {"pytorch", "torch", "tensorflow", "numpy", "keras"}
