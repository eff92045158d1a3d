"""Errors that PyTorch and Keras really raise have a cure: each is made here, not copied."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from graders.marks.cures import MAP_LOCATION, WHOLE_MODEL, cure_of

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    """A network of two layers, as a student's."""

    def __init__(self, width=3):
        super().__init__()
        self.hidden = torch.nn.Linear(4, width)
        self.out = torch.nn.Linear(width, 1)


def loading(state):
    """The text of the error of load_state_dict, as a worker reports it."""
    return raised(lambda: Net().load_state_dict(state))


def raised(call):
    with pytest.raises(Exception) as caught:
        call()
    return f"{type(caught.value).__name__}: {caught.value}"


def prefixed(prefix):
    return {prefix + key: value for key, value in Net().state_dict().items()}


def test_a_whole_model_in_a_file_is_to_be_saved_as_numbers(tmp_path):
    torch.save(Net(), tmp_path / "w.pt")
    assert cure_of(raised(lambda: torch.load(tmp_path / "w.pt"))) == WHOLE_MODEL


def test_a_class_of_the_training_script_is_not_found_where_the_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(Net, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Net", Net, raising=False)
    torch.save(Net(), tmp_path / "w.pt")
    monkeypatch.delattr(sys.modules["__main__"], "Net")
    assert cure_of(raised(lambda: torch.load(tmp_path / "w.pt", weights_only=False))) == WHOLE_MODEL


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (prefixed("module."), "`module.`, which DataParallel puts there. Save model.module.state_dict()"),
        (prefixed("_orig_mod."), "`_orig_mod.`, which torch.compile puts there"),
        ({"epoch": 3, "model_state_dict": Net().state_dict()}, 'load_state_dict(state["model_state_dict"])'),
        ({"net": Net().state_dict(), "epoch": 3}, 'load_state_dict(state["net"])'),
        (Net(5).state_dict(), "settings beside the weights: `hidden.weight` has another size"),
        ({"conv1.weight": torch.zeros(2)}, "the names of their layers differ"),
    ],
    ids=["DataParallel", "compile", "checkpoint", "checkpoint of net", "size", "names"],
)
def test_keys_that_do_not_fit_say_what_was_saved_in_another_way(state, words):
    assert words in cure_of(loading(state))


def test_the_first_parameters_of_a_cure_are_the_students_own_names():
    assert "{key.removeprefix('module.'): value for key, value in state.items()}" in cure_of(
        loading(prefixed("module."))
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="only a machine without a GPU refuses one")
def test_a_device_that_the_marker_lacks_is_named_with_its_cure(tmp_path):
    torch.save(Net().state_dict(), tmp_path / "w.pt")
    assert MAP_LOCATION in cure_of(raised(lambda: torch.load(tmp_path / "w.pt", map_location="cuda")))
    assert "torch.cuda.is_available()" in cure_of(raised(lambda: torch.zeros(1).cuda()))
    assert "torch.cuda.is_available()" in cure_of(raised(lambda: torch.zeros(1).to("cuda:1")))


def test_a_file_that_is_cut_off_is_to_be_saved_again(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(Net().state_dict(), path)
    path.write_bytes(path.read_bytes()[:200])
    assert "cut off" in cure_of(raised(lambda: torch.load(path)))
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "cut off" in cure_of(raised(lambda: torch.load(path)))
    path.write_bytes(b"")
    assert "cut off" in cure_of(raised(lambda: torch.load(path)))


def test_a_tensor_with_a_gradient_is_to_be_detached():
    assert "torch.no_grad()" in cure_of(raised(lambda: torch.zeros(1, requires_grad=True).numpy()))


def test_a_path_of_one_machine_is_not_the_markers(tmp_path):
    assert "Path(__file__).parent / NAME" in cure_of(raised(lambda: open(tmp_path / "train.npz", "rb")))
    assert cure_of(raised(lambda: open("train.npz", "rb"))) == ""


def test_an_error_of_the_students_own_has_no_cure():
    assert cure_of("ValueError: the gland is empty") == ""


KERAS = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from tensorflow import keras

folder = Path(sys.argv[1])

def net(width=3, extra=False):
    layers = [keras.layers.Dense(width), *([keras.layers.Dense(3)] if extra else []), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.build((None, 4))
    return model

class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
    def call(self, x):
        return self.dense(x)

class Layer(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def of(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def whole(*layers):
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    model.save(folder / "w.keras")

texts = {}
h5, file = folder / "w.weights.h5", folder / "w.keras"
net(5).save_weights(h5)
texts["size"] = of(lambda: net().load_weights(h5))
net(extra=True).save_weights(h5)
texts["layers"] = of(lambda: net().load_weights(h5))
texts["unbuilt"] = of(lambda: Own().load_weights(h5))
h5.write_bytes(h5.read_bytes()[:7000])
texts["cut off"] = of(lambda: net().load_weights(h5))
h5.write_text("version https://git-lfs.github.com/spec/v1")
texts["pointer"] = of(lambda: net().load_weights(h5))
own = Own()
own(np.zeros((1, 4)))
own.save(file)
del Own
texts["class"] = of(lambda: keras.models.load_model(file))
whole(Layer())
del Layer
texts["layer"] = of(lambda: keras.models.load_model(file))
whole(keras.layers.Lambda(lambda x: 2 * x))
texts["lambda"] = of(lambda: keras.models.load_model(file))
file.write_text("nothing")
texts["no model"] = of(lambda: keras.models.load_model(file))
texts["saved model"] = of(lambda: keras.models.load_model(folder))
print("ERRORS" + json.dumps(texts))
"""


@pytest.fixture(scope="module")
def keras_errors(tmp_path_factory):
    """What Keras says, by the mistake. In a process of its own: TensorFlow takes seconds and threads."""
    pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("keras")
    script = folder / "train.py"
    script.write_text(textwrap.dedent(KERAS))
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.rpartition("ERRORS")[2])


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("size", "the network that `load` builds differs from the one that was saved"),
        ("layers", "the network that `load` builds differs from the one that was saved"),
        ("unbuilt", "Call the model on one case, or model.build(shape), before load_weights"),
        ("cut off", "the file is cut off"),
        ("pointer", "the file is cut off or is not the format that `load` expects"),
        ("class", "the file names Own, which Keras does not find"),
        ("layer", "@keras.saving.register_keras_serializable()"),
        ("lambda", "a Lambda layer is Python code"),
        ("no model", "the file is not one that model.save wrote"),
        ("saved model", "Keras 3 loads no folder of a SavedModel"),
    ],
)
def test_weights_that_keras_does_not_load_have_a_cure(keras_errors, mistake, words):
    assert words in cure_of(keras_errors[mistake]), keras_errors[mistake]
