"""The outcome of one question: the value in a worker's answer, the failure that it reports, or the one that ended it.

The keeper's header is trusted. A worker's answer is not: student code may send any field.
"""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

from graders.failures import (
    CpuLimit,
    GpuMemory,
    ImportFailed,
    MemoryLimit,
    MissingFunction,
    NotProbed,
    ProcessEnded,
    ProtocolViolation,
    Raised,
    ReplyTooLarge,
    SubmissionFailure,
    WallLimit,
    WrongType,
)
from graders.wall.patience import IDLE_CALL_S
from graders.wall.source_lines import source_lines_of
from graders.wall.wire import Array, arrays_of, decode

SIGKILL, SIGXCPU = 9, 24
EXCEPTIONS_BY_NAME: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
EXCEPTIONS = frozenset(EXCEPTIONS_BY_NAME)
OF_A_LOST_CHILD = frozenset({
    "RuntimeError", "EOFError", "OSError", "BrokenPipeError", "ConnectionError", "ConnectionResetError",
    "ConnectionAbortedError", "ConnectionRefusedError", "ChildProcessError", "TimeoutError", "Exception",
})  # fmt: skip
"""Exceptions of loaders, pools and pipes whose other process is gone."""
OUT_OF_GPU_MEMORY = re.compile(
    r"CUDA(?: driver)? error: out of memory|CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|"
    r"CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|CUSOLVER_STATUS_ALLOC_FAILED|CUFFT_ALLOC_FAILED|"
    r"[Ff]ailed to create (?:cublas|cuBLAS|cudnn|cuDNN|cusolver) handle|[Cc]ould not create cudnn handle|"
    r"Dst tensor is not initialized"
)
"""What PyTorch and TensorFlow say, in exceptions of general types, when a library of CUDA's gets no more memory."""
OF_A_GPU = re.compile(r"device:GPU:|GPU_\d+_bfc|\bCUDA|[Ff]ailed to allocate memory|while trying to allocate")
"""What TensorFlow's ResourceExhaustedError says where the memory is a GPU's; else it is the machine's."""


def failure_of_end(header: dict[str, Any], memory_kill: bool) -> SubmissionFailure:
    """The failure of a worker that gave no answer, from the keeper's header."""
    stopped, by, code = header.get("stopped"), header.get("signal"), header.get("exit")
    if stopped == "cpu" or by == SIGXCPU:
        return CpuLimit(f"{header.get('cpu_s')} CPU s")
    # A pool whose child was killed waits for the child for ever.
    kind = "after the memory limit ended a child process" if memory_kill else None
    if stopped == "wall":
        return WallLimit(f"{header.get('wall_s')} s, of which {header.get('cpu_s')} CPU s", kind=kind)
    if stopped == "idle":
        return WallLimit(f"idle for {IDLE_CALL_S} s with an answer owed; {header.get('cpu_s')} CPU s in all", kind=kind)
    if stopped == "memory":
        return MemoryLimit("the keeper counted more memory than the limit and ended the process")
    if stopped == "size":
        return ReplyTooLarge("a frame over the reply cap")
    if header["outcome"] == "violated":
        return ProtocolViolation("bytes without a request, or a frame over its caps")
    if by == SIGKILL and memory_kill:
        return MemoryLimit("the kernel ended the process for memory")
    if header["outcome"] == "gone":
        return ProcessEnded("the process had ended before")
    return ProcessEnded(f"signal {by}" if by else f"exit code {code}")


def read_answer(
    answer: dict[str, Any], body: memoryview, solution: Path | None, *, opening: bool = False
) -> tuple[Any, list[Array]]:
    """The value of a worker's answer, or the failure that it reports."""
    match answer.get("kind"):
        case "value":
            arrays = arrays_of(answer.get("arrays"), body)
            return decode(answer.get("value"), arrays), arrays
        case "raised":
            raise _raised(answer, solution, opening)
        case "missing":
            raise MissingFunction(_word(answer, "name"))
        case "unsupported":
            raise NotProbed(_word(answer, "why"))
        case "misused":
            raise Raised(_word(answer, "why"))
        case "unsendable" if answer.get("large") is True:
            raise ReplyTooLarge(_word(answer, "why"))
        case "unsendable":
            raise WrongType(_word(answer, "why"))
    raise ProtocolViolation("an answer of an unknown kind")


def _raised(answer: dict[str, Any], solution: Path | None, opening: bool = False) -> SubmissionFailure:
    kind = answer.get("builtin")
    kind = kind if type(kind) is str and kind in EXCEPTIONS else "Exception"
    where = _line_name(answer.get("file"), answer.get("line"), solution)
    own, message = _word(answer, "type"), _word(answer, "message")
    evidence = f"{own}: {message}\n{_word(answer, 'trace')}"
    cause_text = f"{own.removeprefix('builtins.')}: {message}".removesuffix(": ")
    if _is_gpu_memory(own, message):
        return GpuMemory(evidence, where=where, cause_text=cause_text)
    if kind == "MemoryError" or own.endswith("ResourceExhaustedError"):
        return MemoryLimit(evidence, where=where, cause_text=cause_text)
    if answer.get("importing") is not True:
        return Raised(evidence, kind=kind, where=where, cause_text=cause_text)
    # A worker that is being opened has received nothing hidden: the module that it could not import reveals nothing.
    module = _word(answer, "module").partition(".")[0] if opening else ""
    if solution is not None and module in source_lines_of(solution).modules:
        kind = f"{kind}: {module}"
    return ImportFailed(evidence, kind=kind, where=where, cause_text=cause_text)


def _is_gpu_memory(own: str, message: str) -> bool:
    """Whether an exception says that a GPU's memory is used up. A solution may say so untruly: it costs the same."""
    if own in ("torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"):
        return True
    if own.endswith("ResourceExhaustedError"):
        return OF_A_GPU.search(message) is not None
    return OUT_OF_GPU_MEMORY.search(message) is not None


def _line_name(file: object, line: object, solution: Path | None) -> str | None:
    """A line of the group's own code, as exactly as a student may read it."""
    if solution is None or type(file) is not str or type(line) is not int or not solution.is_dir():
        return None
    return source_lines_of(solution).describe(file, line)


def _word(answer: dict[str, Any], key: str) -> str:
    """Text for staff, made safe to store and print."""
    text = answer.get(key)
    return text[:4000].encode("utf-8", "replace").decode("utf-8") if type(text) is str else ""


def is_starved(header: dict[str, Any], cpu_s: float) -> bool:
    """Whether the machine may have caused a wall limit: with CPU time left, the worker mostly waited for a core.

    medmark's own slots cannot starve each other: a container gets its share of the cores, and the wall limit is four
    times the CPU limit.
    """
    wall_s, used_s, waited_s = (float(header.get(name) or 0.0) for name in ("wall_s", "cpu_s", "waited_s"))
    return used_s < cpu_s / 2 and waited_s > wall_s / 2
