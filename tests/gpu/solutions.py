"""Solutions that use a GPU, for the tiny assignment of `tests/example_groups`, and references moved onto one."""

import ast
import re
from pathlib import Path

GROUPS = Path(__file__).parents[1] / "example_groups"
PERFECT = (GROUPS / "perfect/solution.py").read_text(encoding="utf-8")

HOGS = {
    "pytorch": """
import torch
def predict(model, inputs):
    held = []
    while True: held.append(torch.ones(1 << 28, device="cuda"))
""",
    "tensorflow": """
import tensorflow as tf
def predict(model, inputs):
    held = []
    with tf.device("GPU:0"):
        while True: held.append(tf.ones((1 << 28,)))
""",
}
"""They take 1 GB after another."""

BUSY = {
    "pytorch": """
import time, torch
def fit(train, val, *, seed, budget_s, own=fit):
    held, end = torch.ones(1 << 29, device="cuda"), time.monotonic() + 3  # 2 GB
    while time.monotonic() < end: (held[: 1 << 24].view(4096, 4096) @ held[: 1 << 24].view(4096, 4096)).sum().item()
    return own(train, val, seed=seed, budget_s=budget_s)
""",
    "tensorflow": """
import time
import tensorflow as tf
def fit(train, val, *, seed, budget_s, own=fit):
    with tf.device("GPU:0"):
        held, end = tf.ones((1 << 29,)), time.monotonic() + 3  # 2 GB
        square = tf.reshape(held[: 1 << 24], (4096, 4096))
        while time.monotonic() < end: float(tf.reduce_sum(square @ square))
    return own(train, val, seed=seed, budget_s=budget_s)
""",
}
"""They hold 2 GB and multiply for three seconds."""

SEES = {
    "pytorch": """
import os, time, torch
def sees():
    return [torch.cuda.device_count(), torch.cuda.get_device_name(0), os.environ["CUDA_VISIBLE_DEVICES"],
            float(torch.ones(8, device="cuda").sum())]
def holds(seconds):
    began = time.time()
    torch.ones(1 << 20, device="cuda").sum().item()
    time.sleep(seconds)
    return [began, time.time()]
""",
    "tensorflow": """
import os, time
import tensorflow as tf
def sees():
    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0])["device_name"]
    with tf.device("GPU:0"):
        return [len(gpus), name, os.environ["CUDA_VISIBLE_DEVICES"], float(tf.reduce_sum(tf.ones(8)))]
def holds(seconds):
    began = time.time()
    with tf.device("GPU:0"): float(tf.reduce_sum(tf.ones(1 << 20)))
    time.sleep(seconds)
    return [began, time.time()]
""",
}

TO_GPU = """
import torch
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
from_numpy, numpy, array = torch.from_numpy, torch.Tensor.numpy, torch.Tensor.__array__
torch.set_default_device(DEVICE)
torch.from_numpy = lambda values: from_numpy(values).to(DEVICE)
torch.Tensor.numpy = lambda tensor, **ways: numpy(tensor.cpu(), **ways)
torch.Tensor.__array__ = lambda tensor, *ways, **more: array(tensor.cpu(), *ways, **more)
"""
"""PyTorch's references choose no device, since a marker mostly has one: this makes the GPU that one. TensorFlow's
compute on a GPU where there is one."""


def on_gpu(reference, folder, framework, steps=None):
    """Write a folder with a reference that computes on the GPU, and trains for so many steps; the folder."""
    text = reference.read_text(encoding="utf-8")
    if steps is not None:
        text = re.sub(r"^(STEPS|EPOCHS) = \d+", rf"\1 = {steps}", text, flags=re.MULTILINE)
    if framework == "pytorch":
        (folder / "to_gpu.py").write_text(TO_GPU, encoding="utf-8")
        lines = text.splitlines()
        first = next(node for node in ast.parse(text).body if not is_first(node))
        lines.insert(first.lineno - 1, "import to_gpu")
        text = "\n".join(lines) + "\n"
    (folder / "solution.py").write_text(text, encoding="utf-8")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def is_first(node):
    """Whether a statement must stand before all others."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
