"""The contract of every sandbox: it starts a keeper, and hands over the keeper's stdin and stdout.

`graders.wall.session` speaks the wire over a Channel. `tests/graders/wall/sandboxes/test_every_sandbox.py` runs one
list of behaviours against every backend.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assignments.assignment import Framework, Limits
from graders.wall.sandboxes.gpu_use import GpuMeter

INSIDE_FOLDER = Path(__file__).parents[1] / "inside"
"""The code that runs in a sandbox, with `start.py`."""
COMPUTING = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # oneDNN ends with signal 11 on some virtual AMD processors, and a group would pay for it (docs/scale.md).
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # torch.compile returns its argument: an image has no C++ compiler, and a check at home shall behave the same.
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "MPLBACKEND": "Agg",  # no sandbox has a screen, and a check at home shall open no window
}
"""Environment variables that make frameworks compute, and Matplotlib draw, alike in every sandbox."""
COMPUTING_ON_GPU = {
    # Asking whether there is a GPU shall not initialise CUDA: in the zygote, no worker could use it then.
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    # TensorFlow would take the whole GPU at its first operation, and its peak would say nothing.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # The same numbers each time, as far as no correct solution fails for it (docs/gpus.md).
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "TF_CUDNN_DETERMINISTIC": "1",
    # Products of float32 keep its 24 bits: TF32 has 11, and tests compare with what the host computed.
    "NVIDIA_TF32_OVERRIDE": "0",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}
"""Beside these, where a sandbox has a GPU."""


def computing(gpus: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment variables that frameworks compute with, on the CPU and on the GPUs of these uuids alone."""
    on_gpu = COMPUTING_ON_GPU if gpus else {}
    return {**COMPUTING, **on_gpu, "CUDA_VISIBLE_DEVICES": ",".join(gpus)}


@dataclass(frozen=True)
class SandboxSpec:
    """What a sandbox is opened with."""

    solution: Path
    """Folder that holds solution.py; read-only inside."""
    framework: Framework
    limits: Limits
    course: str = "none"
    """Identity of the course, for labels and for cleaning up after a marker that died."""
    run: str = "none"
    forgets: bool = False
    """Whether cached files are dropped first: a cached page shows that an earlier sandbox read it."""
    gpu_meter: GpuMeter | None = None
    """Measures what the leased GPUs are used for; None where nobody wants to know."""


@dataclass(frozen=True)
class Ending:
    """How a sandbox ended, known after its keeper's stdout closed."""

    exit_code: int | None
    out_of_memory: bool
    """The kernel ended the keeper itself because the whole sandbox was over its memory limit."""
    text: str
    """The engine's message, and the keeper's last lines on stderr: evidence."""


class Channel(Protocol):
    """The keeper's stdin and stdout, non-blocking. The only user is `graders.wall.session.Session`."""

    def fileno_in(self) -> int:
        """Descriptor to poll for writing."""

    def fileno_out(self) -> int:
        """Descriptor to poll for reading."""

    def write(self, data: memoryview) -> int:
        """Bytes written now, 0 if none could be; `BrokenPipeError` when the keeper no longer reads."""

    def readinto(self, view: memoryview) -> int | None:
        """Bytes of the keeper's stdout put into `view` now, 0 if none are there; None at the end of the stream."""

    def ending(self) -> Ending:
        """How the sandbox ended; waits up to a few seconds for the engine to report it."""


class Sandbox(Protocol):
    """Runs a solution. Opening and closing raise only `ToolkitFailure`."""

    name: str

    @property
    def isolates(self) -> bool:
        """Whether it is a boundary for code that nobody trusts."""

    @property
    def weakness(self) -> str:
        """Why it is not one, as the rest of a sentence; empty where it is."""

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Channel]:
        """Start a keeper for the solution; on leaving, verify that the sandbox is gone.

        Raises:
            ImageFailure: the runtime image is missing or broken.
            EngineFailure: the engine does not answer.
        """

    def runtime(self, framework: Framework) -> str:
        """Digest of the runtime that a framework's solutions run in: part of every content key.

        Raises:
            ImageFailure: it has not been built; the text names the command that builds it.
        """

    def sweep(self, course: str) -> list[str]:
        """Remove a course's sandboxes whose markers have died; their names. Never touches other courses'."""


def inside_environment(python: str, spec: SandboxSpec, gpus: tuple[str, ...]) -> dict[str, str]:
    """The environment variables of a keeper in a root of its own, and with them of all that it starts.

    Args:
        python: Path of the interpreter inside.
        spec: What the sandbox is opened with.
        gpus: The uuids of the GPUs that it has.
    """
    return {
        "PATH": f"{os.path.dirname(python)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/zygote",
        "TMPDIR": "/zygote",
        "LANG": "C.UTF-8",
        "MEDMARK_SOLUTION": "/solution",
        "MEDMARK_SCRATCH": "/scratch",
        "MEDMARK_FRAMEWORK": spec.framework,
        "MEDMARK_FORGETS": "1" if spec.forgets else "",
        **computing(gpus),
    }


def processes_limit(limits: Limits) -> int:
    """How many processes one submission may have.

    Threads count too, and frameworks start some for each core of the machine, allowed to the sandbox or not.
    """
    return limits.processes + 32 + 16 * (os.cpu_count() or 1)
