"""What runtimes exist on this machine, and what each offers: read from their records and locks, without any engine.

`images` builds them and writes the records.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from assignments.assignment import Framework
from assignments.handout_note import RuntimeFacts
from assignments.this_user import home_folder
from graders.failures import ImageFailure

RECIPES = Path(__file__).parent / "runtimes"
IMPORTS: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("numpy", "scipy", "torch"),
    "tensorflow": ("numpy", "scipy", "tensorflow"),
    "numpy": ("numpy", "scipy"),
}


@dataclass(frozen=True)
class Runtime:
    """A built runtime, as recorded beside it."""

    framework: Framework
    digest: str
    """SHA-256 over Python's version, the platform and every package's contents: equal for equal contents."""
    image: str
    """The image's id in the local engine."""
    python: str
    """Path of the interpreter inside."""
    mounts: tuple[tuple[str, str], ...]
    """Folders and files of this machine that are mounted read-only: (here, inside)."""
    packages: dict[str, str]
    """Name of each distribution, and its version."""
    modules: tuple[str, ...]
    """Names that a solution can import besides the standard library."""
    python_version: str
    made_from: str
    """`host`, or the base image's name."""
    added: tuple[str, ...]
    built: str


LOCKED_PYTHON = "3.11"
"""The version of Python that the locks are for, and that the default base image has."""
MODULE_OF = {
    "tensorflow-cpu": "tensorflow", "scikit-learn": "sklearn", "scikit-image": "skimage", "pillow": "PIL",
    "opencv-python-headless": "cv2", "opencv-python": "cv2", "pyyaml": "yaml", "protobuf": "google",
    "simpleitk": "SimpleITK", "absl-py": "absl", "python-dateutil": "dateutil", "grpcio": "grpc", "libclang": "clang",
    "google-pasta": "pasta",
}  # fmt: skip
"""Distributions whose module has another name."""
ELSEWHERE = "choose a folder that you can write to (export MEDMARK_HOME=/srv/medmark), and run the command again"


def home() -> Path:
    """Where runtimes and their records lie: `$MEDMARK_HOME`, else the user's data folder.

    Raises:
        ImageFailure: this user has neither.
    """
    if folder := os.environ.get("MEDMARK_HOME"):
        return Path(folder).absolute()
    if folder := os.environ.get("XDG_DATA_HOME"):
        return Path(folder).absolute() / "medmark"
    user = home_folder()
    if user is None:
        raise ImageFailure(f"there is no folder for runtimes, since this user has no home folder: {ELSEWHERE}")
    return user / ".local" / "share" / "medmark"


def runtime(framework: Framework) -> Runtime:
    """The framework's runtime as last built, without asking the engine.

    Raises:
        ImageFailure: none was built, or its record cannot be read; the text names the command that builds one.
    """
    record = record_of(framework)
    try:
        fields = json.loads(record.read_text(encoding="utf-8"))
        fields["mounts"] = tuple((here, inside) for here, inside in fields["mounts"])
        fields["modules"], fields["added"] = tuple(fields["modules"]), tuple(fields["added"])
        return Runtime(**fields)
    except FileNotFoundError:
        raise ImageFailure(f"no runtime image for {framework}: {how_to_build(framework)}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageFailure(f"{record} cannot be read ({error}): {how_to_build(framework)}") from error


def listed() -> tuple[Runtime, ...]:
    """All runtimes built on this machine."""
    return tuple(runtime(framework) for framework in IMPORTS if os.path.exists(record_of(framework)))


def locked(framework: Framework) -> dict[str, str]:
    """Packages and versions of the framework's lock, which a handout promises before any image is built."""
    lines = (RECIPES / f"{framework}.lock").read_text(encoding="utf-8").splitlines()
    pins = (line.split("#")[0].strip().partition("==") for line in lines)
    return {name: version for name, equals, version in pins if equals}


def facts_of(framework: Framework) -> RuntimeFacts:
    """What the framework's runtime offers: that of the image that was built here, else that of its lock."""
    try:
        built = runtime(framework)
    except ImageFailure:
        packages = locked(framework)
        modules = sorted({MODULE_OF.get(name, name).replace("-", "_") for name in packages})
        return RuntimeFacts(LOCKED_PYTHON, packages, tuple(modules))
    return RuntimeFacts(".".join(built.python_version.split(".")[:2]), built.packages, built.modules)


def how_to_build(framework: Framework) -> str:
    """The command that builds the runtime, for error messages."""
    return f"medmark image build {framework} --from-host"


def record_of(framework: Framework) -> Path:
    return home() / "images" / f"{framework}.json"
