"""Which modules a solution imports that its runtime image lacks. The source is read as text, never imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable
from typing import cast

from assignments.assignment import Framework
from graders.failures import ImageFailure

MODULE_OF = {
    "tensorflow-cpu": "tensorflow", "scikit-learn": "sklearn", "scikit-image": "skimage", "pillow": "PIL",
    "opencv-python-headless": "cv2", "opencv-python": "cv2", "pyyaml": "yaml", "protobuf": "google",
    "simpleitk": "SimpleITK", "absl-py": "absl",
}  # fmt: skip
"""Distributions whose module has another name."""


def missing_imports(source: str, modules: Collection[str], beside: Iterable[str] = ()) -> tuple[str, ...]:
    """Top-level modules that a source imports and that are neither offered, nor Python's own, nor beside it.

    An import inside `try` with an `except` is taken as optional. A source that does not parse imports nothing.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    optional = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.Try) and block.handlers
        for statement in block.body
        for inner in ast.walk(statement)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    offered = {MODULE_OF.get(name, name).replace("-", "_").casefold() for name in modules}
    return tuple(sorted(
        name
        for name in names - set(sys.stdlib_module_names) - set(beside)
        if name.casefold() not in offered
    ))  # fmt: skip


def modules_of(framework: str | None) -> Collection[str]:
    """What the runtime image holds if it was built here, else what its lock promises."""
    # Docker's SDK comes with it; only this function needs it.
    from graders.sandboxes import images

    name = cast(Framework, framework)
    try:
        return images.runtime(name).modules
    except ImageFailure:
        return images.locked(name)
