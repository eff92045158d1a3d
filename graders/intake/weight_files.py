"""Reads what a file of weights says about itself: devices, classes, whether it is whole. Nothing is unpickled.

A PyTorch file is a pickle whose opcodes name the device of each tensor and every class that loading would import.
`pickletools` lists opcodes and executes none.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from graders.intake.checkout import LFS, LFS_CURE
from graders.intake.static_checks import files_below, is_weights

PICKLE_BYTES = 4_000_000
"""How much of a file's pickle is read: that of a network with thousands of tensors has some hundred kilobytes."""
MAX_FILES = 20
"""How many files of weights are read."""
_PYTORCH = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
_Opcodes: TypeAlias = Iterable[tuple[pickletools.OpcodeInfo, object, int | None]]
_LIBRARIES = {"torch", "collections", "builtins", "__builtin__", "numpy", "copyreg", "_codecs", "OrderedDict"}
"""Packages whose classes a state dict may name."""


@dataclass(frozen=True)
class WeightFile:
    """What one file says."""

    path: str
    """From the folder of solution.py, with /."""
    problem: str = ""
    """Why no machine can load it, as `is empty`; with the cure."""
    devices: tuple[str, ...] = ()
    """Where its tensors were when they were saved, such as `cuda:1`; without `cpu`."""
    classes: tuple[str, ...] = ()
    """Classes of the group's own or of another package that loading it would import, such as `__main__.Net`."""


def weight_files(folder: Path) -> tuple[WeightFile, ...]:
    """The files of weights below the folder of solution.py."""
    paths = [path for path in files_below(folder) if is_weights(path)]
    return tuple(_read(folder / path, path) for path in paths[:MAX_FILES])


def _read(file: Path, path: str) -> WeightFile:
    try:
        with file.open("rb") as stream:
            head = stream.read(64)
            if not head:
                return WeightFile(path, "is empty: save it again, and commit it")
            if head.startswith(LFS):
                return WeightFile(path, f"is a Git LFS pointer and not the weights: {LFS_CURE}")
            stream.seek(0)
            if path.endswith((*_PYTORCH, ".npz", ".keras")) and head.startswith(b"PK"):
                return _of_archive(stream, path)
            if path.endswith(_PYTORCH):
                devices, classes = _named_in(stream.read(PICKLE_BYTES))
                return WeightFile(path, "", devices, classes)
    except OSError as error:
        return WeightFile(path, f"cannot be read ({error.strerror})")
    return WeightFile(path)


def _of_archive(stream: io.BufferedReader, path: str) -> WeightFile:
    try:
        with zipfile.ZipFile(stream) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            if not pickles or not path.endswith(_PYTORCH):
                return WeightFile(path)
            with archive.open(pickles[0]) as member:
                return WeightFile(path, "", *_named_in(member.read(PICKLE_BYTES)))
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError):
        return WeightFile(path, "is cut off or damaged: save it again, and commit the whole file")


def _named_in(pickles: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The devices of tensors, and the classes that do not come from PyTorch, in one pickle after another."""
    devices: set[str] = set()
    classes: set[str] = set()
    stream = io.BytesIO(pickles)
    try:
        while stream.tell() < len(pickles):
            _read_opcodes(pickletools.genops(stream), devices, classes)
    except (ValueError, UnicodeDecodeError, OverflowError):  # the rest holds the numbers
        pass
    own = {name for name in classes if name.partition(".")[0] not in _LIBRARIES}
    return tuple(sorted(devices - {"cpu"})), tuple(sorted(own))


def _read_opcodes(opcodes: _Opcodes, devices: set[str], classes: set[str]) -> None:
    """Follow the texts of a pickle. A tensor's storage is the tuple ("storage", type, key, device, size)."""
    texts: list[str] = []
    memo: dict[int, str] = {}
    top = ""  # the text on top of the stack, if it is one
    for opcode, argument, _ in opcodes:
        name = opcode.name
        if name == "MEMOIZE":
            memo[len(memo)] = top
            continue
        if name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(str(argument))] = top
            continue
        top = ""
        if isinstance(argument, str) and "UNICODE" in name:
            top = argument
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            top = memo.get(int(str(argument)), "")
        elif name == "GLOBAL":
            classes.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            classes.add(".".join(texts[-2:]))
        elif name == "BINPERSID" and "storage" in texts:
            start = len(texts) - 1 - texts[::-1].index("storage")
            devices.update(texts[start + 2 : start + 3])  # after the key
            del texts[start:]
        if top:
            texts.append(top)
