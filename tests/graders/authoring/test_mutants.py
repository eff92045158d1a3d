"""Automatic mutants: every way of spoiling an answer is one that an honest test notices."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from graders.authoring.mutants import DeclaredName, declared_names, mutants_of, write_mutant
from graders.authoring.spoil import CONSTANT, SPOIL_KINDS, spoiled
from graders.record.rehearsal import Mutant

X = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)


def doubled(x: Any) -> Any:
    return 2 * x


def answers(function: Callable[..., Any], *args: Any, **options: Any) -> dict[str, Any]:
    return {kind: spoiled(function, kind, **options)(*args) for kind in SPOIL_KINDS}


def test_an_array_is_spoiled_in_five_ways() -> None:
    spoilt = answers(doubled, X)
    assert spoilt["empty"].shape == (0, 2)
    assert spoilt["wrong_shape"].shape == (2, 2, 1)
    assert np.isnan(spoilt["nan"]).all()
    assert (spoilt["constant"] == CONSTANT).all()
    assert spoilt["echo"] is X
    assert {array.dtype for array in spoilt.values()} == {np.dtype(np.float32)}


def test_whole_numbers_become_ones_or_leave_their_type() -> None:
    labels = np.array([0, 3], dtype=np.uint8)
    spoilt = answers(lambda x: x, labels)
    assert spoilt["nan"].dtype == np.float32
    assert (spoilt["constant"].tolist(), spoilt["constant"].dtype) == ([1, 1], np.dtype(np.uint8))


def test_a_number_is_spoiled_in_five_ways() -> None:
    spoilt = answers(lambda x: float(x.sum()), X)
    assert spoilt["empty"].shape == (0,)
    assert spoilt["wrong_shape"].shape == (1, 1)
    assert np.isnan(spoilt["nan"])
    assert spoilt["constant"] == CONSTANT
    assert spoilt["echo"] is X
    assert answers(lambda: 7)["constant"] == 1
    assert answers(lambda: False)["constant"] is True
    assert answers(lambda: "a text")["empty"] == ""


def test_containers_keep_their_form_but_not_when_empty() -> None:
    spoilt = answers(lambda x: {"prob": x, "pair": (x, 1.0)}, X)
    assert spoilt["empty"] == {}
    assert np.isnan(spoilt["nan"]["pair"][0]).all()
    assert np.isnan(spoilt["nan"]["pair"][1])
    assert spoilt["echo"]["prob"] is X
    assert answers(lambda: [1, 2])["empty"] == []


def test_arguments_by_name_are_echoed_too() -> None:
    assert spoiled(doubled, "echo")(x=X) is X
    assert spoiled(lambda inputs: 0.5, "echo")({"x": X}) is X
    assert spoiled(lambda config: 0.5, "echo")("config") == "config"
    assert spoiled(lambda: 0.5, "echo")() is None


def test_a_function_that_answers_none_never_has_its_effect() -> None:
    def step(x: Any) -> None:
        x -= 1

    changed = {}
    for kind in SPOIL_KINDS:
        x = X.copy()
        answer = spoiled(step, kind, answers_none=True)(x)
        changed[kind] = (answer is None, x.tolist())
    assert changed["empty"] == (True, X.tolist())
    assert changed["wrong_shape"] == (False, X.tolist())
    assert changed["constant"] == (True, [[CONSTANT] * 2] * 2)
    assert changed["nan"][0]
    assert np.isnan(changed["nan"][1]).all()
    assert changed["echo"] == (False, X.tolist())


class Line:
    """A solution's own class."""

    def __init__(self, slope: float) -> None:
        self.slope_ = slope

    def fit(self, x: Any) -> Line:
        return self

    def predict(self, x: Any) -> Any:
        return self.slope_ * x

    def step(self, x: Any) -> None:
        x -= 1


def test_an_object_answers_spoiled_values_and_stays_itself() -> None:
    line = spoiled(Line, "nan", quiet=("step",))(2.0)
    assert line.fit(X) is line
    assert np.isnan(line.predict(X)).all()
    assert np.isnan(line.slope_)
    x = X.copy()
    assert line.step(x) is None
    assert np.isnan(x).all()
    assert spoiled(Line, "empty")(2.0) is None
    assert spoiled(Line, "echo")(2.0).predict(X) is X
    assert spoiled(Line, "constant")(2.0).slope_ == CONSTANT


def test_an_attribute_echoes_what_its_object_was_made_of() -> None:
    """Its own value would be the right answer: the mutant would be a second reference."""

    class Twice:
        def __init__(self, x: Any) -> None:
            self.value = 2 * x

    assert spoiled(Twice, "echo")(X).value is X
    assert spoiled(lambda x: Twice(x), "echo")(X).value is X


def test_a_sequence_of_the_solutions_own_is_spoiled_item_by_item() -> None:
    class Frames:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            if index >= 2:
                raise IndexError(index)
            return X

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return X

        def __call__(self, x: Any) -> Any:
            return x

    frames = spoiled(Frames, "nan")()
    assert np.isnan(frames[0]).all()
    assert [np.isnan(item).all() for item in frames] == [True, True]
    assert len(frames) == 0
    assert np.isnan(np.asarray(frames)).all()
    assert np.isnan(frames(X)).all()


def test_tensors_of_pytorch_keep_their_gradients() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    spoilt = answers(doubled, x)
    assert spoilt["empty"].shape == (0, 2)
    assert spoilt["wrong_shape"].shape == (2, 2, 1)
    assert torch.isnan(spoilt["nan"]).all()
    assert spoilt["constant"].unique().tolist() == [CONSTANT]
    assert spoilt["echo"] is x
    (slope,) = torch.autograd.grad(spoilt["constant"].sum(), x)
    assert slope.abs().sum() == 0
    assert torch.isnan(answers(lambda: torch.tensor([1, 2]))["nan"]).all()


def test_a_model_of_pytorch_stays_a_model_with_another_output_and_one_parameter() -> None:
    torch = pytest.importorskip("torch")

    def build_model(config: dict[str, Any]) -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout())
        model.classes = 3
        return model

    spoilt = answers(build_model, {})
    x = torch.tensor(X)
    assert spoilt.pop("empty") is None
    for model in spoilt.values():
        assert isinstance(model, torch.nn.Module)
        assert sum(p.numel() for p in model.parameters()) == 1
        assert model.classes == 3
        model.eval()
    assert spoilt["wrong_shape"](x).shape == (2, 3, 1)
    assert torch.isnan(spoilt["nan"](x)).all()
    assert spoilt["constant"](x).unique().tolist() == [CONSTANT]
    assert spoilt["echo"](x).tolist() == X.tolist()


def test_a_model_that_is_declared_is_not_trained_for_nothing() -> None:
    class Model:
        pass

    def fit(x: Any) -> Model:
        raise AssertionError("called")

    assert spoiled(fit, "empty")(X) is None


INTERFACE = """\
from typing import TypedDict
class Rows(TypedDict):
    x: int
class Adam:
    def __init__(self, lr: float) -> None: ...
    def step(self, params: list, grads: list) -> None: ...
    def rate(self) -> float: ...
def loss(x: float) -> float: ...
def save(model: object, folder: str) -> None: ...
def unasked() -> int: ...
"""


def test_the_names_that_a_test_can_use_are_read_from_the_interface() -> None:
    assert declared_names(INTERFACE) == {
        "Adam": DeclaredName("Adam", answers_none=False, quiet=("step",)),
        "loss": DeclaredName("loss", answers_none=False),
        "save": DeclaredName("save", answers_none=True),
        "unasked": DeclaredName("unasked", answers_none=False),
    }


def test_a_mutant_is_run_by_the_tests_that_ask_its_function() -> None:
    mutants = mutants_of({"a": ["loss", "save", "elsewhere"], "b": ["loss"], "c": []}, declared_names(INTERFACE))
    assert len(mutants) == 10
    assert mutants[Mutant("loss", "nan")] == ("a", "b")
    assert mutants[Mutant("save", "echo")] == ("a",)


def test_a_model_that_echoes_its_input_has_to_fail_the_authors_own_tests_and_no_contract() -> None:
    declared = declared_names("def fit(train, *, seed: int) -> Model: ...\ndef count(model: Model) -> int: ...\n")
    mutants = mutants_of({"units": ["fit", "count"], "test_fit.py::test_it": ["fit"]}, declared)
    assert mutants[Mutant("fit", "echo")] == ("test_fit.py::test_it",)
    assert mutants[Mutant("fit", "nan")] == ("units", "test_fit.py::test_it")
    assert mutants[Mutant("count", "echo")] == ("units",)
    assert Mutant("fit", "echo") not in mutants_of({"units": ["fit"]}, declared)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], ModuleType]]:
    before = set(sys.modules)

    def load(folder: Path) -> ModuleType:
        monkeypatch.syspath_prepend(str(folder))
        spec = importlib.util.spec_from_file_location("solution", folder / "solution.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in set(sys.modules) - before:
        if name.startswith("medmark_"):
            del sys.modules[name]


def test_a_mutant_is_the_reference_but_for_one_name(tmp_path: Path, imported: Callable[[Path], ModuleType]) -> None:
    home = tmp_path / "reference"
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "model.npz").write_bytes(b"0")
    (home / "solution_tensorflow.py").write_text("")
    (home / "solution_numpy.py").write_text(
        'FRAMEWORK = "numpy"\n_SCALE = 2.0\n\ndef loss(x):\n    return _SCALE * x\n\n'
        "def total(x):\n    return loss(x) + 1\n"
    )
    folder = write_mutant(
        tmp_path / "mutant",
        Mutant("loss", "constant"),
        DeclaredName("loss", answers_none=False),
        "numpy",
        home / "solution_numpy.py",
    )
    assert 'FRAMEWORK = "numpy"\n' in (folder / "solution.py").read_text()
    assert (folder / "weights" / "model.npz").is_file()
    assert not (folder / "solution_tensorflow.py").exists()
    solution = imported(folder)
    assert solution.loss(1.0) == CONSTANT
    assert solution.total(1.0) == 3.0
    assert solution._SCALE == 2.0


def test_mutants_side_by_side_train_once(tmp_path: Path, imported: Callable[[Path], ModuleType]) -> None:
    home = tmp_path / "reference"
    home.mkdir()
    (home / "solution_numpy.py").write_text(
        "from pathlib import Path\n\n"
        "def fit(train, val=None, *, seed, budget_s):\n"
        f"    with open({str(tmp_path / 'trained')!r}, 'a') as file:\n        file.write('x')\n"
        "    return {'scale': 2.0 * seed}\n\n"
        "def save(model, folder):\n    (Path(folder) / 'scale').write_text(str(model['scale']))\n\n"
        "def load(folder):\n    return {'scale': float((Path(folder) / 'scale').read_text())}\n\n"
        "def predict(model, inputs):\n    return model['scale']\n"
    )
    names = {name: DeclaredName(name, answers_none=name == "save") for name in ("fit", "save", "load", "predict")}
    answers = []
    for name, facts in names.items():
        mutant = Mutant(name, "constant")
        folder = write_mutant(tmp_path / name, mutant, facts, "numpy", home / "solution_numpy.py", remembers=True)
        solution = imported(folder)
        answers.append(solution.predict(solution.fit([1.0], None, seed=3, budget_s=8.0), {}))
    assert answers == [CONSTANT, 6.0, 6.0, CONSTANT]
    assert (tmp_path / "trained").read_text() == "x"
