"""Given code is tried on models of another class: it may use what the framework gives every model, and no more."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from assignments.assignment import Assignment
from assignments.folders import CATALOGUE, REFERENCES
from assignments.load import load
from graders.authoring.bench import opener
from graders.authoring.given_code import given_gaps, is_tried, write_plain
from graders.record.documents import TestResult

INTERFACE = """\
from assignments.interface import Model
def build_model(config: dict) -> Model: ...
def step(model: Model) -> float: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
def tidy(model: Model) -> Model: ...
"""
TORCH = '''\
import copy
import json
from pathlib import Path

import torch
from torch import nn

FRAMEWORK = "pytorch"


class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.layer = nn.Linear(width, 1)

    def forward(self, x):
        return self.layer(x)


def build_model(config):
    model = Net(**config)
    model.config = config
    return model


def step(model):
    return float(model.layer.weight.detach().sum()) + model.config["width"]


def save(model, folder):
    torch.save(model.state_dict(), Path(folder) / "weights.pt")
    SAVED


def load(folder):
    model = build_model({"width": 3})
    model.load_state_dict(torch.load(Path(folder) / "weights.pt", weights_only=True))
    return model.eval()


def tidy(model):
    """All that a framework gives every model."""
    other = copy.deepcopy(model)
    assert isinstance(other, nn.Module) and other.training == model.training
    other.best = 1
    assert other.best == 1 and step(other) == step(model)
    torch.optim.SGD(model.parameters(), 0.1).zero_grad()
    assert model.train() is model and list(other.state_dict()) == ["layer.weight", "layer.bias"]
    assert nn.Sequential(model)(torch.ones(1, 3)).shape == model(torch.ones(1, 3)).shape
    return {"models": [model]}["models"][0]
'''
KERAS = '''\
import json
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

FRAMEWORK = "tensorflow"


class Net(keras.Model):
    def __init__(self, width=2):
        super().__init__()
        self.layer = layers.Dense(1)

    def call(self, x):
        return self.layer(x)


def build_model(config):
    model = Net(**config)
    model.config = config
    model(tf.ones((1, 3)))
    return model


def step(model):
    return float(tf.reduce_sum(model.layer.kernel)) + model.config["width"]


def save(model, folder):
    model.save_weights(Path(folder) / "model.weights.h5")
    SAVED


def load(folder):
    model = build_model({"width": 3})
    model.load_weights(Path(folder) / "model.weights.h5")
    return model


def tidy(model):
    """All that a framework gives every model."""
    assert isinstance(model, keras.Model) and model.built
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(tf.ones((1, 3)), training=True))
    assert len(tape.gradient(value, model.trainable_variables)) == len(model.weights) == 2
    model.set_weights(model.get_weights())
    model.best = 1
    assert model.best == 1 and step(model) == step(model)
    return [model][0]
'''
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
GIVEN = ("save", "load", "tidy")
SOUND, READS = "pass", '(Path(folder) / "config.json").write_text(json.dumps(model.config))'
SOURCES = {"pytorch": TORCH, "tensorflow": KERAS}


def assignment(folder: Path) -> Assignment:
    folder.mkdir(exist_ok=True)
    (folder / "interface.py").write_text(INTERFACE)
    return Assignment.model_validate({
        "id": "own", "title": "Own", "folder": folder, "given": GIVEN,
        "criterion": [{"kind": "hidden_tests", "id": "tests", "points": 1}],
    })  # fmt: skip


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """(framework, what `save` does besides) -> the solution whose given code meets other models."""
    before = set(sys.modules)

    def written(framework: str, saved: str) -> ModuleType:
        reference = tmp_path / "reference" / f"solution_{framework}.py"
        reference.parent.mkdir()
        reference.write_text(SOURCES[framework].replace("SAVED", saved))
        folder = write_plain(tmp_path / "plain", assignment(tmp_path / "own"), framework, reference)
        monkeypatch.syspath_prepend(str(folder))
        spec = importlib.util.spec_from_file_location("solution", folder / "solution.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield written
    for name in set(sys.modules) - before:
        if name.startswith("medmark_"):
            del sys.modules[name]


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_given_code_that_uses_the_frameworks_own_names_works_and_answers_the_model_itself(tmp_path, plain, framework):
    solution = plain(framework, SOUND)
    model = solution.build_model({"width": 3})
    solution.save(model, str(tmp_path))
    loaded = solution.load(str(tmp_path))
    assert type(loaded).__name__ == type(model).__name__ == "Net"
    assert solution.step(loaded) == pytest.approx(solution.step(model))
    assert solution.tidy(model) is model


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_a_save_that_reads_what_build_model_sets_fails_with_the_attribute(tmp_path, plain, framework):
    solution = plain(framework, READS)
    with pytest.raises(AttributeError, match=r"given code reads model\.config"):
        solution.save(solution.build_model({"width": 3}), str(tmp_path))


def test_the_references_own_calls_of_given_code_meet_other_models_too(tmp_path, plain):
    solution = plain("pytorch", READS)
    with pytest.raises(AttributeError, match=r"model\.config"):
        sys.modules["medmark_reference"].save(solution.build_model({"width": 3}), str(tmp_path))


class Answers:
    """A bench whose answers are written down."""

    def __init__(self, **results: TestResult) -> None:
        self.results = results

    def check(self, solution, tests, draw=0):
        return {test: self.results[test] for test in tests}


def test_a_gap_names_the_attribute_or_else_the_test(tmp_path):
    results = {
        "good": TestResult(verdict="passed"),
        "other": TestResult(verdict="failed", cause_detail="TypeError: no"),
        "reads": TestResult(verdict="failed", evidence="AttributeError: given code reads model.config, which only"),
    }
    own = assignment(tmp_path / "own")
    gaps = list(given_gaps(own, "pytorch", results))
    assert [(gap.kind, gap.about, gap.need) for gap in gaps] == [("given", "save, load, tidy", "every assignment")] * 2
    assert gaps[0].what == "fails other in pytorch with a model of another class: TypeError: no"
    assert gaps[1].what == "reads model.config in pytorch, which only the reference sets"
    assert all(gap.cure for gap in gaps)


def test_it_is_tried_where_all_models_share_a_class_and_something_is_given(tmp_path):
    own = assignment(tmp_path / "own")
    assert [is_tried(own, name) for name in ("pytorch", "tensorflow", "numpy")] == [True, True, False]
    assert not is_tried(own.model_copy(update={"given": ()}), "pytorch")


def test_a_rehearsal_sees_that_the_exemplars_save_reads_the_configuration_that_build_model_sets(tmp_path):
    folder = tmp_path / "mlp_classifier"
    shutil.copytree(CATALOGUE / "mlp_classifier", folder)
    shutil.copytree(REFERENCES / "mlp_classifier", folder / "reference")
    own = load(folder).model_copy(update={"given": ("save", "load")})
    with opener(own)("pytorch") as bench:
        reference = folder / "reference" / "solution_pytorch.py"

        def gaps(name):
            solution = write_plain(tmp_path / name, own, "pytorch", reference)
            return list(given_gaps(own, "pytorch", bench.check(solution, ["saved_and_loaded"])))

        (gap,) = gaps("plain")
        assert gap.what == "reads model.config in pytorch, which only the reference sets"
        text = reference.read_text()
        text = text.replace("json.dumps(model.config)", "json.dumps(CONFIG)")
        reference.write_text(text)
        assert gaps("sound") == []
