"""What the tests of `make test-gpu` run on: the GPUs, the frameworks that reach them, and the sandbox around them."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys

from graders.failures import ToolkitFailure
from graders.wall.sandboxes import engine
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.gpu_list import granted
from graders.wall.sandboxes.sandbox import computing

REHEARSAL = os.environ.get("MEDMARK_GPU_REHEARSAL") == "1"
"""Run the tests on the CPU, behind a stand-in for `nvidia-smi`: it shows that the tests run, and nothing of GPUs."""
PACKAGES = {"pytorch": "torch", "tensorflow": "tensorflow", "numpy": "numpy"}
COUNTS = {
    "pytorch": "import torch; print('GPUs:', torch.cuda.device_count())",
    "tensorflow": "import tensorflow as tf; print('GPUs:', len(tf.config.list_physical_devices('GPU')))",
}


@functools.cache
def trouble() -> str:
    """Why nothing can run here; empty where there is a GPU to lease."""
    try:
        may = granted()
    except ToolkitFailure as failure:
        return str(failure)
    return "" if may.gpus else f"there is no GPU to lease: {may.words}"


@functools.cache
def framework_trouble(framework: str) -> str:
    """Why a framework cannot compute on the first GPU; empty where it can."""
    if importlib.util.find_spec(PACKAGES[framework]) is None:
        return f"{framework} is not installed here"
    if framework == "numpy" or REHEARSAL:
        return ""
    leased = computing((granted().gpus[0].uuid,))
    done = subprocess.run(
        [sys.executable, "-c", COUNTS[framework]], capture_output=True, text=True, env={**os.environ, **leased}
    )
    if "GPUs: 1" in done.stdout:
        return ""
    cure = "pip install torch (not its +cpu build)" if framework == "pytorch" else "pip install 'tensorflow[and-cuda]'"
    return f"{framework} sees no GPU: {(done.stdout or done.stderr).strip()[-300:]}. {cure}"


@functools.cache
def sandbox() -> str:
    """`docker` where its engine has a runtime for GPUs and the images; else `local`."""
    if REHEARSAL:
        return "local"
    try:
        with engine.with_docker_messages():
            api = engine.connected(engine.address(), timeout_s=5)
            with api:
                runtimes = api.info().get("Runtimes", {})
        for framework in ("pytorch", "tensorflow"):
            Docker().runtime(framework)
    except ToolkitFailure:
        return "local"
    return "docker" if "nvidia" in runtimes else "local"
