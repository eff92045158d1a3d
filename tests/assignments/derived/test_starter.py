"""The starter is the reference without what a student writes: it parses, is formatted, and reveals no body."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.derived.cutting import cut
from assignments.derived.interface import declared_nodes
from assignments.derived.starter import starter_problems, starter_texts
from assignments.folders import CATALOGUE, REFERENCES, AssignmentError
from assignments.load import load
from graders.tasks import TASKS

ROOT = Path(__file__).parents[3]


def exemplar(tmp_path: Path, name: str, given: tuple[str, ...] = ()) -> Assignment:
    """A copy of an exemplar without a starter of its own."""
    folder = tmp_path / name
    shutil.copytree(CATALOGUE / name, folder, ignore=shutil.ignore_patterns("starter"))
    shutil.copytree(REFERENCES / name, folder / "reference")
    return load(folder).model_copy(update={"given": given})


def asked(interface: str) -> dict:
    return {node.name: node for node in ast.parse(interface).body}


def text_of(source: str, interface: str, given=()) -> str:
    return cut(source, asked(interface), given).text('"""Title."""')


def assert_formatted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "formatted.py"
    path.write_text(text)
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--config", str(ROOT / "pyproject.toml"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def bodies(source: str, names: set[str]) -> set[str]:
    """The lines that a student writes, as far as they are longer than a word or two."""
    lines = source.splitlines()
    return {
        line.strip()
        for node in ast.parse(source).body
        if getattr(node, "name", "") in names
        for line in lines[node.body[bool(ast.get_docstring(node))].lineno - 1 : node.end_lineno]
        if len(line.strip()) > 12
    }


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("mlp_classifier", ()),
        ("mlp_classifier", ("batches", "BATCH", "save", "load")),
        ("prostate_unet", ()),
        ("prostate_unet", ("draw_batch", "augment", "BATCH")),
    ],
)
def test_the_starter_of_an_exemplar_parses_is_formatted_and_holds_no_line_of_a_body(tmp_path, name, given):
    assignment = exemplar(tmp_path, name, given)
    texts = starter_texts(assignment)
    assert texts == starter_texts(assignment)
    assert list(starter_problems(assignment)) == []
    for file, text in texts.items():
        assert_formatted(tmp_path, text)
        framework = file.removeprefix("solution").removesuffix(".py").removeprefix("_") or "pytorch"
        reference = (REFERENCES / name / f"solution_{framework}.py").read_text()
        defined = {getattr(node, "name", "") for node in ast.parse(text).body}
        written = {getattr(node, "name", "") for node in ast.parse(reference).body} - set(given)
        kept = "\n".join(ast.unparse(node) for node in ast.parse(text).body if getattr(node, "name", "") in given)
        assert not {line for line in bodies(reference, written - {""}) & set(map(str.strip, text.splitlines()))
                    if line not in kept}  # fmt: skip
        assert defined - {""} == (written & set(assignment_names(assignment))) | {*given} & defined


def assignment_names(assignment: Assignment) -> list[str]:
    return list(declared_nodes(assignment))


def test_one_file_serves_all_frameworks_where_nothing_of_a_framework_is_left(tmp_path):
    texts = starter_texts(exemplar(tmp_path, "mlp_classifier"))
    assert list(texts) == ["solution.py"]
    assert 'FRAMEWORK = "pytorch"  # or "tensorflow", "numpy"; the marker reads' in texts["solution.py"]
    assert "import" not in texts["solution.py"].split('"""')[2]
    assert "# ------" in texts["solution.py"]
    assert "settings" not in texts["solution.py"].split('"""', 2)[2]  # nothing of that section is left


def test_each_framework_has_its_file_where_given_code_differs(tmp_path):
    texts = starter_texts(exemplar(tmp_path, "mlp_classifier", ("save", "load")))
    assert list(texts) == ["solution.py", "solution_tensorflow.py", "solution_numpy.py"]
    assert "rename its file to solution.py" in " ".join(texts["solution.py"].split())
    assert "import torch" in texts["solution.py"]
    assert "torch" not in texts["solution_tensorflow.py"]
    assert 'FRAMEWORK = "tensorflow"  # the marker' in texts["solution_tensorflow.py"]


def test_the_docstring_has_the_title_and_the_first_sentences_of_the_brief(tmp_path):
    text = starter_texts(exemplar(tmp_path, "prostate_unet"))["solution.py"]
    assert text.startswith('"""Prostate segmentation in T2 MRI.\n\nBefore a biopsy or radiotherapy, a radiologist')
    assert "`medmark check prostate_unet` should pass one more test" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_folders_own_starter_wins(tmp_path):
    folder = tmp_path / "mlp_classifier"
    shutil.copytree(CATALOGUE / "mlp_classifier", folder)
    (folder / "starter").mkdir()
    (folder / "starter" / "solution.py").write_text('FRAMEWORK = "pytorch"\n')
    assert starter_texts(load(folder)) == {"solution.py": 'FRAMEWORK = "pytorch"\n'}


def test_without_reference_and_starter_there_is_none(tmp_path):
    assignment = exemplar(tmp_path, "mlp_classifier")
    shutil.rmtree(assignment.folder / "reference")
    assert starter_texts(assignment) == {}


# Odd references

ODD = '''\
"""The idea, and all its secrets."""

from __future__ import annotations

import os.path
import math, json
from functools import cache, partial
from torch import nn as layers

FRAMEWORK = "pytorch"

# A comment on its own about how to solve it.

# ---- settings

# Rows of one step.
SIZE = 3  # small
SECRET = 0.07


# ---- model


# This trick is the answer.
@cache
def answer(x: float, *, rate=0.5, pair=(1, {"a": lambda z: z})) -> dict[str, int]:  # noqa: D
    """The reference's own words."""

    def nested(y):
        return y * SECRET

    return nested(x)


def short(x): return math.exp(x)


# Why the batches are so small.
def batches(n):
    """Given."""

    def inner(k):
        return k % SIZE

    return [json.dumps(inner(k)) for k in range(n)]


class Adam(layers.Module):
    """Secret words."""

    rate = SECRET

    def __init__(self, lr=0.1):
        super().__init__()
        self.lr = lr

    @property
    def rate_now(self):
        return self.lr

    @staticmethod
    def step(params, grads):
        return [p - SECRET * g for p, g in zip(params, grads)]

    def _helper(self):
        return SECRET


# ---- main

print(answer(1))
TABLE = {k: answer(k) for k in range(3)}
if os.path.exists("x"):
    short = partial(short, 2)
'''
INTERFACE = '''\
def answer(x: float, *, rate: float = 0.5) -> dict:
    """Say "it".

    With a \\\\ and more lines."""
def short(x: float) -> float: ...
class Adam:
    """An optimiser."""
    def __init__(self, lr: float) -> None: ...
    def step(self, params: list, grads: list) -> list:
        """One "step\\""""
    def rate_now(self) -> float: ...
'''
EXPECTED = '''\
"""Title."""

from __future__ import annotations

import json
from torch import nn as layers

FRAMEWORK = "pytorch"


# ---- settings

# Rows of one step.
SIZE = 3  # small


# ---- model


def answer(x: float, *, rate=0.5, pair=(1, {"a": lambda z: z})) -> dict[str, int]:
    """Say "it".

    With a \\\\ and more lines.
    """
    raise NotImplementedError


def short(x):
    raise NotImplementedError


# Why the batches are so small.
def batches(n):
    """Given."""

    def inner(k):
        return k % SIZE

    return [json.dumps(inner(k)) for k in range(n)]


class Adam(layers.Module):
    """An optimiser."""

    def __init__(self, lr=0.1):
        raise NotImplementedError

    @property
    def rate_now(self):
        raise NotImplementedError

    @staticmethod
    def step(params, grads):
        """One "step" """
        raise NotImplementedError
'''


def test_an_odd_reference_is_cut_to_the_letter():
    assert text_of(ODD, INTERFACE, ("batches", "SIZE")) == EXPECTED


def test_given_code_that_needs_a_name_that_goes_is_named_with_the_name():
    assert dict(cut(ODD, asked(INTERFACE), ["batches"]).undefined) == {"batches": ("SIZE",)}
    assert dict(cut(ODD, asked(INTERFACE), ["TABLE"]).undefined) == {}


def test_a_signature_that_needs_a_constant_is_named():
    source = 'FRAMEWORK = "numpy"\nRATE = 0.1\n\n\ndef f(x, rate=RATE):\n    return x\n'
    interface = "def f(x: float, rate: float) -> float: ...\n"
    assert dict(cut(source, asked(interface), []).undefined) == {"f": ("RATE",)}
    assert dict(cut(source, asked(interface), ["RATE"]).undefined) == {}


def test_a_function_that_the_reference_does_not_define_itself_has_the_signature_of_the_interface():
    source = 'from beside import f\n\nFRAMEWORK = "numpy"\n'
    text = text_of(source, 'def f(x: float, *, n: int = 2) -> float:\n    """Does it."""\n')
    stub = 'def f(x, *, n=2):\n    """Does it."""\n    raise NotImplementedError\n'
    assert text == f'"""Title."""\n\nFRAMEWORK = "numpy"\n\n\n{stub}'


def test_statements_on_one_line_are_told_apart():
    source = 'FRAMEWORK = "numpy"; SECRET = 7; SIZE = 2\n'
    assert text_of(source, "", ["SIZE"]) == '"""Title."""\n\nFRAMEWORK = "numpy"\n\n\nSIZE = 2\n'


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ('["batchs"]', '`given` names "batchs", which the pytorch reference does not define at its top level; did you'),
        ('["batches"]', "given code of batches needs BATCH, which students do not get; add BATCH to given"),
    ],
)
def test_what_is_wrong_with_given_is_an_error_of_loading_with_its_cure(tmp_path, given, what):
    folder = exemplar(tmp_path, "mlp_classifier").folder
    toml = (folder / "assignment.toml").read_text()
    (folder / "assignment.toml").write_text(toml.replace('given = ["BATCH", "batches"]', f"given = {given}", 1))
    with pytest.raises(AssignmentError) as error:
        load(folder, tasks=TASKS)
    assert f"given: {what}" in str(error.value)
    assert "solution_pytorch.py given" in str(error.value)


def test_characters_that_do_not_end_a_line_of_python_shift_nothing():
    head = 'FRAMEWORK = "numpy"\n\x0c\nMARKS = "a\u2028b\x85c"\n\n\n'
    source = f"{head}def f(x):\n    secret = 7\n    return secret\n\n\nSIZE = 3\n"
    text = text_of(source, "def f(x: float) -> float: ...\n", ["SIZE"])
    assert "secret" not in text
    assert text.endswith("    raise NotImplementedError\n\n\nSIZE = 3\n")
