"""Small assignments that name every contract which fits their task, each with references that train in a moment.

rows      classification into two classes of table rows, in PyTorch and NumPy
rare      the same where one row in five is ill, and far from the others, in NumPy
scans     classification into three classes of small images, with dropout and batch normalisation, in PyTorch
lengths   regression, in NumPy
maps      a map of labels, in NumPy; the model answers whole numbers, and no probability
"""

from __future__ import annotations

from pathlib import Path

from assignments.load import load
from graders.tasks import TASKS

TOML = """\
id = "{id}"
title = "{id}"
task = "{task}"
frameworks = {frameworks}
[data]
source = "cases.py"
train = 20
test = 20
per_call = 64
[run]
mode = "retrain"
budget_cpu_s = 5
[limits]
memory_mb = 1024
[trained]
cases = 96
budget_s = 5
[contracts]
{contracts}
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = {points}
"""
INTERFACE = """\
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32, UInt8
from assignments.interface import Model, Range

class Inputs(TypedDict):
    {input}
class Labelled(TypedDict):
    {input}
    {truth}
class Prediction(TypedDict):
    {answer}
def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Inputs) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""
EVERY = ("predicts_the_same_again", "alone_as_in_a_batch", "same_seed_same_model", "other_seed_other_model",
         "keeps_its_inputs", "saved_and_loaded")  # fmt: skip
BUDGET = "keeps_its_budget = { points = 1, cases = 1500, budget_s = 0.5 }"

ROWS = """\
import numpy as np
from assignments.data.source import Axes

ARRAYS = {"table": Axes("float32", "5"), "y": Axes("uint8", "", role="truth")}
UNITS = np.float32([0.02, 0.5, 1, 30, 800])

def draw(n, rng):
    y = rng.permutation(np.arange(n) % 2).astype(np.uint8)
    x = rng.normal(size=(n, 5)) + 1.5 * y[:, None] * np.array([1, -1, 1, 0, 1])
    return {"table": (x * UNITS + 2 * UNITS).astype(np.float32), "y": y}
"""
RARE = """\
import numpy as np
from assignments.data.source import Axes

ARRAYS = {"table": Axes("float32", "5"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    y = (rng.random(n) < 0.2).astype(np.uint8)
    return {"table": (rng.normal(size=(n, 5)) + 5 * y[:, None]).astype(np.float32), "y": y}
"""
NUMPY_ROWS = '''\
"""Logistic regression by gradient descent in batches."""
import json
import time
from pathlib import Path

import numpy as np

FRAMEWORK = "numpy"
EPOCHS = 60


def fit(train, val=None, *, seed, budget_s):
    start = time.process_time()
    rng = np.random.default_rng(seed)
    x, y = train["table"], train["y"].astype(np.float32)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    x = (x - mean) / scale
    w = rng.normal(0, 0.5, 6)
    for _ in range(EPOCHS):
        if time.process_time() - start > 0.9 * budget_s:
            break
        for rows in np.array_split(rng.permutation(len(x)), max(1, len(x) // 16)):
            inputs = np.concatenate([x[rows], np.ones((len(rows), 1))], axis=1)
            w -= 0.1 * inputs.T @ (1 / (1 + np.exp(-inputs @ w)) - y[rows]) / len(rows)
            if len(x) > 1000:  # with many cases it takes its time, so that the budget counts
                np.linalg.svd(rng.normal(size=(80, 80)))
    return {"w": w, "mean": mean, "scale": scale}


def predict(model, inputs):
    x = (inputs["table"] - model["mean"]) / model["scale"]
    logit = x @ model["w"][:5] + model["w"][5]
    return {"prob": 1 / (1 + np.exp(-logit))}


def save(model, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "model.json").write_text(json.dumps({k: v.tolist() for k, v in model.items()}))


def load(folder):
    return {k: np.array(v) for k, v in json.loads((Path(folder) / "model.json").read_text()).items()}
'''
TORCH_ROWS = '''\
"""A small network with its scaling in buffers."""
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

FRAMEWORK = "pytorch"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        self.register_buffer("mean", torch.zeros(5))
        self.register_buffer("scale", torch.ones(5))

    def forward(self, x):
        return self.layers((x - self.mean) / self.scale)[:, 0]


def fit(train, val=None, *, seed, budget_s):
    start = time.process_time()
    torch.manual_seed(seed)
    x, y = torch.from_numpy(train["table"]), torch.from_numpy(train["y"].astype(np.float32))
    model = Net()
    model.mean.copy_(x.mean(0))
    model.scale.copy_(x.std(0))
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(40 * max(1, len(x) // 16) * (10 if len(x) > 1000 else 1)):
        if time.process_time() - start > 0.9 * budget_s:
            break
        rows = torch.randint(len(x), (16,))
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows]).backward()
        optimiser.step()
    return model.eval()


def predict(model, inputs):
    model.eval()
    with torch.no_grad():
        return {"prob": torch.sigmoid(model(torch.from_numpy(inputs["table"]))).numpy()}


def save(model, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), Path(folder) / "weights.pt")


def load(folder):
    model = Net()
    model.load_state_dict(torch.load(Path(folder) / "weights.pt", weights_only=True))
    return model.eval()
'''
SCANS = """\
import numpy as np
from assignments.data.source import Axes

ARRAYS = {"scan": Axes("float32", "h w"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng):
    y = rng.permutation(np.arange(n) % 3).astype(np.uint8)
    scan = rng.normal(0, 1, (n, 12, 12))
    for i, label in enumerate(y):
        scan[i, 4 * label : 4 * label + 4] += 0.7
    return {"scan": ((scan + 5) * rng.uniform(50, 500, (n, 1, 1))).astype(np.float32), "y": y}
"""
TORCH_SCANS = '''\
"""A convolution with batch normalisation and dropout, three classes."""
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

FRAMEWORK = "pytorch"


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.drop, self.out = Block(), nn.Dropout(0.2), nn.Linear(48, 3)

    def forward(self, x):
        features = self.block(x[:, None]).mean(-1)
        return self.out(self.drop(features.flatten(1)))


def scaled(scan):
    return (scan - scan.mean(axis=(1, 2), keepdims=True)) / scan.std(axis=(1, 2), keepdims=True)


def fit(train, val=None, *, seed, budget_s):
    start = time.process_time()
    torch.manual_seed(seed)
    x, y = torch.from_numpy(scaled(train["scan"])), torch.from_numpy(train["y"].astype(np.int64))
    model = Net()
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(100 * max(1, len(x) // 96)):
        if time.process_time() - start > 0.9 * budget_s:
            break
        rows = torch.randint(len(x), (32,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimiser.step()
    return model.eval()


def predict(model, inputs):
    model.eval()
    with torch.no_grad():
        return {"prob": torch.softmax(model(torch.from_numpy(scaled(inputs["scan"]))), 1).numpy()}


def save(model, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), Path(folder) / "weights.pt")


def load(folder):
    model = Net()
    model.load_state_dict(torch.load(Path(folder) / "weights.pt", weights_only=True))
    return model.eval()
'''
LENGTHS = ROWS.replace('"y": Axes("uint8"', '"y": Axes("float32"').replace(
    "y = rng.permutation(np.arange(n) % 2).astype(np.uint8)", "y = rng.uniform(20, 40, n).astype(np.float32)"
).replace("1.5 * y[:, None]", "0.2 * y[:, None]")  # fmt: skip
NUMPY_LENGTHS = '''\
"""Linear regression by stochastic descent, from weights that are drawn."""
import json
import time
from pathlib import Path

import numpy as np

FRAMEWORK = "numpy"


def fit(train, val=None, *, seed, budget_s):
    start = time.process_time()
    rng = np.random.default_rng(seed)
    x, y = train["table"].astype(float), train["y"].astype(float)
    mean, scale, middle = x.mean(axis=0), np.std(x, axis=0), y.mean()
    x = (x - mean) / scale
    w = rng.normal(size=5)
    for step in range(100):  # two seeds still differ
        if time.process_time() - start > 0.9 * budget_s:
            break
        rows = rng.integers(len(x), size=16)
        w -= 0.02 * x[rows].T @ (x[rows] @ w - (y[rows] - middle)) / 16
    return [w, mean, scale, np.array(middle)]


def predict(model, inputs):
    w, mean, scale, middle = model
    return {"value": (inputs["table"] - mean) / scale @ w + middle}


def save(model, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "model.json").write_text(json.dumps([each.tolist() for each in model]))


def load(folder):
    return [np.array(each) for each in json.loads((Path(folder) / "model.json").read_text())]
'''
MAPS = """\
import numpy as np
from assignments.data.source import Axes

ARRAYS = {"picture": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}

def draw(n, rng):
    label = np.zeros((n, 10, 12), np.uint8)
    for each in label:
        row, column = rng.integers(1, 5, 2)
        each[row : row + 4, column : column + 5] = 1
        each[row + 1 : row + 3, column + 1 : column + 3] = 2
    picture = (label + rng.normal(0, 0.05, label.shape) + 1) * rng.uniform(1, 900, (n, 1, 1))
    return {"picture": picture.astype(np.float32), "label": label}
"""
NUMPY_MAPS = '''\
"""The nearest of three mean brightnesses, which start at drawn numbers and follow drawn voxels."""
import time
from pathlib import Path

import numpy as np

FRAMEWORK = "numpy"


def scaled(picture):
    return (picture - picture.mean(axis=(1, 2), keepdims=True)) / picture.std(axis=(1, 2), keepdims=True)


def fit(train, val=None, *, seed, budget_s):
    rng = np.random.default_rng(seed)
    value, label = scaled(train["picture"]).ravel(), train["label"].ravel()
    drawn = rng.integers(len(value), size=90)
    noise = rng.normal(0, 0.5, 3)
    return np.array([value[drawn][label[drawn] == k].mean() for k in range(3)]) + noise


def predict(model, inputs):
    value = scaled(inputs["picture"])
    return {"label": np.abs(value[..., None] - model).argmin(-1).astype(np.uint8)}


def save(model, folder):
    (Path(folder) / "deep" / "er").mkdir(parents=True, exist_ok=True)
    np.save(Path(folder) / "deep" / "er" / "means.npy", model)


def load(folder):
    return np.load(Path(folder) / "deep" / "er" / "means.npy")
'''
EXAMPLES = {
    "rows": ("classification", ROWS, {"pytorch": TORCH_ROWS, "numpy": NUMPY_ROWS},
             ('table: Float32[np.ndarray, "n 5"]', 'y: UInt8[np.ndarray, "n"]',
              'prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]'),
             ('one_output_map = { points = 1 }', BUDGET, 'units = { points = 1, scale = "columns" }',
              "shuffled_labels = { points = 1 }")),
    "rare": ("classification", RARE, {"numpy": NUMPY_ROWS},
             ('table: Float32[np.ndarray, "n 5"]', 'y: UInt8[np.ndarray, "n"]',
              'prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]'),
             (BUDGET,)),
    "scans": ("classification", SCANS, {"pytorch": TORCH_SCANS},
              ('scan: Float32[np.ndarray, "n h w"]', 'y: UInt8[np.ndarray, "n"]',
               'prob: Annotated[Float[np.ndarray, "n 3"], Range(0, 1)]'),
              ('one_output_map = { points = 1 }', 'units = { points = 1, scale = "intensity" }',
               "shuffled_labels = { points = 1 }")),
    "lengths": ("regression", LENGTHS, {"numpy": NUMPY_LENGTHS},
                ('table: Float32[np.ndarray, "n 5"]', 'y: Float32[np.ndarray, "n"]', 'value: Float[np.ndarray, "n"]'),
                ('units = { points = 1, scale = "columns" }', "shuffled_labels = { points = 1 }")),
    "maps": ("label_maps", MAPS, {"numpy": NUMPY_MAPS},
             ('picture: Float32[np.ndarray, "n h w"]', 'label: UInt8[np.ndarray, "n h w"]',
              'label: UInt8[np.ndarray, "n h w"]'),
             ('units = { points = 1, scale = "intensity" }',)),
}  # fmt: skip


def write_example(folder: Path, id: str) -> Path:
    """The folder of an example."""
    task, source, references, (inputs, truth, answer), further = EXAMPLES[id]
    contracts = [*(f"{name} = {{ points = 1 }}" for name in EVERY), *further]
    folder = folder / id
    (folder / "reference").mkdir(parents=True)
    text = TOML.format(
        id=id, task=task, frameworks=list(references), contracts="\n".join(contracts), points=len(contracts)
    )
    (folder / "assignment.toml").write_text(text.replace("'", '"'))
    (folder / "brief.md").write_text(f"# {id}\n")
    (folder / "cases.py").write_text(source)
    (folder / "interface.py").write_text(INTERFACE.format(input=inputs, truth=truth, answer=answer))
    for framework, reference in references.items():
        (folder / "reference" / f"solution_{framework}.py").write_text(reference)
    return folder


def example(folder: Path, id: str):
    """The assignment itself."""
    return load(write_example(folder, id), tasks=TASKS)
