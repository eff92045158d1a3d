"""What runtimes exist on this machine, and what each offers: read from their records and locks, without any engine.

`images` builds them and writes the records.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assignments.assignment import Framework
from assignments.errors import shell_word
from assignments.handout_note import RuntimeFacts
from assignments.this_user import home_folder
from graders.failures import ImageFailure

Kind = Literal["medical", "slim"]
"""What a runtime holds: the framework with the packages of medical imaging, or the framework alone."""
DEFAULT: Kind = "medical"
Form = Literal["image", "rootfs"]
"""How a runtime lies on the machine: an image of the Docker engine, or a folder that is a root file system."""
WORDS: dict[Form, str] = {"image": "image", "rootfs": "folder"}
RECIPES = Path(__file__).parent / "runtimes"
IMPORTS: dict[Framework, tuple[str, ...]] = {
    "pytorch": ("numpy", "scipy", "torch"),
    "tensorflow": ("numpy", "scipy", "tensorflow"),
    "numpy": ("numpy", "scipy"),
}
"""What a build imports to prove that it works."""
MEDICAL = (
    "sklearn", "skimage.measure", "pandas", "matplotlib.pyplot", "PIL", "nibabel", "SimpleITK", "einops", "tqdm",
)  # fmt: skip
"""What the build of a medical runtime imports beside that. MONAI is written in PyTorch."""


@dataclass(frozen=True)
class Runtime:
    """A built runtime, as recorded beside it."""

    framework: Framework
    digest: str
    """SHA-256 over Python's version, the platform and every package's contents: equal for equal contents."""
    image: str
    """The image's id in the local engine, or the path of the folder."""
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
    kind: Kind = "slim"
    """Slim too if the record is of an earlier medmark, which built no others."""
    form: Form = "image"
    sif: str = ""
    """Path of apptainer's file of a folder's contents; empty where it was not made."""


LOCKED_PYTHON = "3.11"
"""The version of Python that the locks are for, and that the default base image has."""
MODULES_OF = {
    "absl-py": ("absl",), "fonttools": ("fontTools",), "google-pasta": ("pasta",), "grpcio": ("grpc",),
    "libclang": ("clang",), "markdown-it-py": ("markdown_it",), "matplotlib": ("matplotlib", "mpl_toolkits", "pylab"),
    "opencv-python": ("cv2",), "opencv-python-headless": ("cv2",), "pillow": ("PIL",), "protobuf": ("google",),
    "python-dateutil": ("dateutil",), "pyyaml": ("yaml",), "scikit-image": ("skimage",), "scikit-learn": ("sklearn",),
    "simpleitk": ("SimpleITK",), "sympy": ("isympy", "sympy"), "tensorflow-cpu": ("tensorflow",),
    "torch": ("functorch", "torch", "torchgen"),
}  # fmt: skip
"""Distributions whose modules have other names."""
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


def runtime(framework: Framework, form: Form = "image") -> Runtime:
    """The framework's runtime of a form as last built, without asking the engine.

    Raises:
        ImageFailure: none was built, or its record cannot be read; the text names the command that builds one.
    """
    record = record_of(framework, form)
    try:
        fields = json.loads(record.read_text(encoding="utf-8"))
        fields["mounts"] = tuple((here, inside) for here, inside in fields["mounts"])
        fields["modules"], fields["added"] = tuple(fields["modules"]), tuple(fields["added"])
        return Runtime(**fields)
    except FileNotFoundError:
        raise ImageFailure(f"no runtime {WORDS[form]} for {framework}: {how_to_build(framework, form=form)}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageFailure(f"{record} cannot be read ({error}): {how_to_build(framework, form=form)}") from error


def rootfs(framework: Framework) -> Runtime:
    """The framework's runtime as a folder.

    Raises:
        ImageFailure: none was built, or its folder is gone; the text names the command that builds one.
    """
    built = runtime(framework, "rootfs")
    if not os.path.isdir(built.image):
        raise ImageFailure(f"{built.image} is gone: {how_to_build(framework, built)}")
    return built


def listed() -> tuple[Runtime, ...]:
    """All runtimes built on this machine."""
    forms: tuple[Form, ...] = ("image", "rootfs")
    every = [(framework, form) for framework in IMPORTS for form in forms]
    return tuple(runtime(*each) for each in every if os.path.exists(record_of(*each)))


def form_for(sandbox: str) -> Form:
    """How a sandbox needs its runtime: an image is Docker's alone."""
    return "image" if sandbox == "docker" else "rootfs"


def lock_of(framework: Framework, kind: Kind = DEFAULT) -> str:
    """The lock of a runtime: requirements, one a line."""
    name = f"{framework}.lock" if kind == DEFAULT else f"{framework}.{kind}.lock"
    return (RECIPES / name).read_text(encoding="utf-8")


def locked(framework: Framework, kind: Kind = DEFAULT) -> dict[str, str]:
    """Packages and versions of a lock. A handout promises the default's before any image is built."""
    pins = (line.split("#")[0].strip().partition("==") for line in lock_of(framework, kind).splitlines())
    return {name: version for name, equals, version in pins if equals}


def modules_of(distribution: str) -> tuple[str, ...]:
    """What a distribution is imported as."""
    return MODULES_OF.get(distribution, (distribution.replace("-", "_"),))


def distribution_of(module: str) -> str:
    """The distribution that brings a module, as far as its name differs and is known here."""
    return next((name for name, modules in MODULES_OF.items() if module in modules), module)


def medical_among(packages: Mapping[str, str]) -> dict[str, str]:
    """Those that medical imaging uses and a solution may import, with their versions."""
    modules = {name.partition(".")[0] for name in (*MEDICAL, "monai")}
    return {name: version for name, version in packages.items() if modules & set(modules_of(name))}


def proof(framework: Framework, kind: Kind) -> tuple[str, ...]:
    """The modules that a build imports to prove that its packages work."""
    medical = (*MEDICAL, "monai") if framework == "pytorch" else MEDICAL
    return IMPORTS[framework] + (medical if kind == "medical" else ())


def facts_of(framework: Framework) -> RuntimeFacts:
    """What the framework's runtime offers: that of the image that was built here, else that of its lock."""
    try:
        form: Form = "image" if os.path.exists(record_of(framework)) else "rootfs"
        built = runtime(framework, form)
    except ImageFailure:
        packages = locked(framework)
        modules = {module for name in packages for module in modules_of(name)}
        return RuntimeFacts(LOCKED_PYTHON, packages, tuple(sorted(modules)))
    return RuntimeFacts(".".join(built.python_version.split(".")[:2]), built.packages, built.modules)


def how_to_build(framework: Framework, built: Runtime | None = None, form: Form = "image") -> str:
    """The command that builds a runtime, for error messages; one that was built before is built as it was."""
    words = ["medmark image build", framework]
    words.append("--from-host" if built is None or built.made_from == "host" else f"--base {built.made_from}")
    words += ["--rootfs"] if (form if built is None else built.form) == "rootfs" else []
    if built is not None:
        words += ["--sif"] if built.sif else []
        words += ["--slim"] if built.kind == "slim" else []
        words += [f"--add {shell_word(requirement)}" for requirement in built.added]
    return " ".join(words)


def record_of(framework: Framework, form: Form = "image") -> Path:
    """The file that records a runtime."""
    return home() / "images" / (f"{framework}.json" if form == "image" else f"{framework}.{form}.json")
