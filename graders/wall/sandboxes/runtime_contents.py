"""What a finished runtime may hold, whatever runs it: how it is surveyed from inside, judged and recorded."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assignments.assignment import Framework
from assignments.files import replace_file
from graders.failures import ImageFailure
from graders.wall.sandboxes.runtime_records import (
    ELSEWHERE,
    RECIPES,
    Form,
    Kind,
    Runtime,
    home,
    modules_of,
    proof,
    record_of,
)

UNWANTED = {
    "breast_cancer.csv": "scikit-learn's breast cancer table, the data of mlp_classifier",
    "solution_pytorch.py": "a reference solution",
    "solution_tensorflow.py": "a reference solution",
    "solution_numpy.py": "a reference solution",
}
"""Files that give answers away, by name: a build that contains one fails."""
SIGNS = {
    "the breast cancer table, the data of mlp_classifier": (
        ("17.99", "10.38", "122.8"),  # the beginning of a row
        ("17.99", "20.57", "19.69"),  # of a column
    ),
}
"""Numbers that stand one after the other in no other file: a build that contains them under any name fails too."""
TAKEN_OUT = ("sklearn/datasets/data/breast_cancer.csv",)
"""Files that a build takes out of packages that a runtime needs, by their paths in site-packages."""


@dataclass(frozen=True)
class RuntimeOrigin:
    """How a runtime was made."""

    framework: Framework
    kind: Kind
    made_from: str
    """`host`, or the base image's name."""
    added: tuple[str, ...]
    say: Callable[[str], object]
    """Receives a line for each step."""
    form: Form = "image"


def survey_words(origin: RuntimeOrigin) -> list[str]:
    """The arguments of the Python inside that lists the runtime's contents."""
    modules = (proof(origin.framework, origin.kind), [module for line in origin.added for module in _module_of(line)])
    source = (RECIPES / "survey.py").read_text(encoding="utf-8")
    return ["-I", "-B", "-c", source, json.dumps([*modules, UNWANTED, SIGNS])]


def recorded(
    origin: RuntimeOrigin, output: bytes, contents: tuple[str, str, tuple[tuple[str, str], ...]], sif: str = ""
) -> Runtime:
    """Refuse files that give answers away; write the record.

    Args:
        output: What the survey printed.
        contents: The image or folder, the interpreter inside, and what is mounted (here, inside).
        sif: Apptainer's file of the same contents.

    Raises:
        ImageFailure: it holds such a file.
    """
    surveyed: dict[str, Any] = json.loads(output)
    distributions: dict[str, list[str]] = surveyed["distributions"]
    if {"medmark"} & distributions.keys():
        raise ImageFailure(f"the {origin.framework} image holds medmark itself: take it out of the lock or of --add")
    if unwanted := surveyed["unwanted"]:
        names = "; ".join(f"{path} ({why})" for path, why in unwanted)
        raise ImageFailure(
            f"the {origin.framework} image holds answers: {names}. Leave out the package that brings them"
        )
    steady = {key: surveyed[key] for key in ("python", "platform", "distributions")}
    image, python, mounts = contents
    built = Runtime(
        framework=origin.framework,
        digest=hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest(),
        image=image,
        python=python,
        mounts=mounts,
        packages={name: version for name, (version, _) in sorted(distributions.items())},
        modules=tuple(surveyed["modules"]),
        python_version=surveyed["python"],
        made_from=origin.made_from,
        added=origin.added,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=origin.kind,
        form=origin.form,
        sif=sif,
    )
    replace_file(record_of(origin.framework, origin.form), json.dumps(asdict(built), indent=1))
    size = f"{origin.kind}, {len(built.packages)} packages, Python {built.python_version}"
    origin.say(f"{origin.framework}: {size}, digest {built.digest[:12]}")
    return built


def writable_home() -> Path:
    """The folder of runtimes, which can be written to.

    Raises:
        ImageFailure: it cannot.
    """
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ImageFailure(f"{folder}: cannot be written ({error.strerror}): {ELSEWHERE}") from error
    return folder


def _module_of(requirement: str) -> tuple[str, ...]:
    """The first module of `name==version`, which shall be importable; none of an address or a file."""
    name = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[.*\])?==\S+", requirement.replace(" ", ""))
    return modules_of(re.sub(r"[-_.]+", "-", name[1]).lower())[:1] if name else ()
