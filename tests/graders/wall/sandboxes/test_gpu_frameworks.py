"""What frameworks are told about a leased GPU, and what they say when its memory is used up. No real GPU is needed."""

import importlib.util
from contextlib import contextmanager

import pytest

from assignments.assignment import Limits
from graders.failures import GpuMemory, MemoryLimit, Raised, SubmissionFailure
from graders.marks.cures import cure_of_cause
from graders.marks.words import cause_words
from graders.record.documents import Cause
from graders.wall.sandboxes import gpus
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.nvidia import nvidia_smi
from tests.graders.wall.sandboxes.talk import ask

PYTORCH = """
import torch
def settings():
    return [torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.cuda.is_initialized()]
KINDS = {"own": torch.OutOfMemoryError, "any": RuntimeError, "late": torch.AcceleratorError}
def fails(kind, text): raise KINDS[kind](text)
def pretends(text):
    OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    raise OutOfMemoryError(text)
"""
TENSORFLOW = """
import os
import tensorflow as tf
def settings(): return [os.environ["TF_FORCE_GPU_ALLOW_GROWTH"], os.environ["TF_CUDNN_DETERMINISTIC"]]
def fails(kind, text):
    raise {"own": tf.errors.ResourceExhaustedError, "any": tf.errors.InternalError}[kind](None, None, text)
"""


@contextmanager
def opened(tmp_path_factory, framework, source):
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "solution.py").write_text(source)
    limits = Limits(gpus=1)
    with pytest.MonkeyPatch.context() as patched:
        nvidia_smi(folder, patched)
        patched.setattr(gpus, "LOCKS", folder / "locks")
        patched.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        with Local().open(SandboxSpec(folder, framework, limits)) as channel:
            session = Session(channel, limits, folder)
            session.begin()
            worker = session.worker(60)
            yield lambda *words: ask(session, worker, *words)


@pytest.fixture(scope="module")
def pytorch(tmp_path_factory):
    pytest.importorskip("torch")
    with opened(tmp_path_factory, "pytorch", PYTORCH) as asked:
        yield asked


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    with opened(tmp_path_factory, "tensorflow", TENSORFLOW) as asked:
        yield asked


def failure_of(asked, *words):
    with pytest.raises(SubmissionFailure) as caught:
        asked(*words)
    return caught.value


def test_pytorch_is_deterministic_where_it_can_be_and_leaves_cuda_to_the_worker(pytorch):
    assert pytorch("settings") == [True, True, False]


@pytest.mark.parametrize(("kind", "text"), [
    ("own", "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 39.39 GiB"),
    ("any", "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call"),
    ("late", "CUDA error: out of memory"),
    ("any", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ("any", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
])  # fmt: skip
def test_pytorchs_words_for_a_full_gpu_are_the_gpus_memory(pytorch, kind, text):
    assert type(failure_of(pytorch, "fails", kind, text)) is GpuMemory


@pytest.mark.parametrize("text", [
    "CUDA error: device-side assert triggered",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes",
])  # fmt: skip
def test_other_errors_are_not_the_gpus_memory(pytorch, text):
    assert type(failure_of(pytorch, "fails", "any", text)) is Raised


@pytest.mark.parametrize(("kind", "text", "expected"), [
    ("own", "OOM when allocating tensor with shape[64,512] on /job:localhost/replica:0/task:0/device:GPU:0 by "
            "allocator GPU_0_bfc", GpuMemory),
    ("own", "failed to allocate memory [Op:Mul]", GpuMemory),
    ("own", "Out of memory while trying to allocate 137438953472 bytes.", GpuMemory),
    ("own", "OOM when allocating tensor with shape[64,512] on /job:localhost/replica:0/task:0/device:CPU:0 by "
            "allocator cpu", MemoryLimit),
    ("any", "Failed to create cublas handle: cublas error", GpuMemory),
    ("any", "Could not create cudnn handle: CUDNN_STATUS_ALLOC_FAILED", GpuMemory),
    ("any", "Dst tensor is not initialized.", GpuMemory),
    ("any", "Blas xGEMM launch failed", Raised),
])  # fmt: skip
def test_tensorflows_words_for_a_full_gpu_are_the_gpus_memory(tensorflow, kind, text, expected):
    assert type(failure_of(tensorflow, "fails", kind, text)) is expected


def test_tensorflow_takes_memory_as_it_needs_it(tensorflow):
    assert tensorflow("settings") == ["true", "1"]


def test_who_only_pretends_that_the_gpu_is_full_has_failed_all_the_same(pytorch):
    failure = failure_of(pytorch, "pretends", "CUDA out of memory")
    assert type(failure) is GpuMemory
    assert isinstance(failure, SubmissionFailure), "it costs the points of its test, and stops nothing"
    cause = Cause.of(failure)
    assert cause_words(cause).startswith("the GPU's memory was used up, at solution.py:")
    assert "Predict fewer cases at once" in cure_of_cause(cause)
    assert "smaller batches" in cure_of_cause(Cause("gpu_memory", function="fit"))
