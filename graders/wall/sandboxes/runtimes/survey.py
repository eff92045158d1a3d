"""Lists the contents of a finished runtime, from inside it, as JSON on stdout. Imports only the standard library.

It runs as uid 65534 with a solution's mounts, so it sees exactly what a solution will see.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import importlib.metadata as metadata
import io
import json
import os
import platform
import re
import stat
import struct
import sys
import sysconfig
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

UNSTEADY = (".pyc", "/INSTALLER", "/REQUESTED", "/RECORD", "/direct_url.json")
NEVER_WALKED = {"/proc", "/sys", "/dev"}
LARGEST = 64 << 20
"""Bytes of a file, or of a compressed file's content, that are searched."""


class Needle(NamedTuple):
    """A row of numbers that is searched for, as files may hold it."""

    why: str
    """What a file with it is."""
    start: bytes
    """How its text begins, which is found faster than the text."""
    text: re.Pattern[bytes]
    """Its text: a few other characters stand between the numbers, and zeros may stand after them."""
    arrays: tuple[bytes, ...]
    """Its numbers in an array, of 8 bytes each or of 4."""


def content_of(distribution: metadata.Distribution) -> str:
    """SHA-256 over a distribution's RECORD, without the lines that depend on where it was installed."""
    lines = (distribution.read_text("RECORD") or "").splitlines()
    steady = [line for line in lines if not line.startswith("../") and not line.split(",")[0].endswith(UNSTEADY)]
    return hashlib.sha256("\n".join(sorted(steady)).encode()).hexdigest()


def files() -> Iterator[str]:
    """Every file that can be seen."""
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in NEVER_WALKED]
        yield from (os.path.join(folder, name) for name in names)


def unwanted_files(names: dict[str, str], signs: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    """Files of these names, and files with these numbers in them: (path, why)."""
    needles = [needle_of(why, numbers) for why, rows in signs.items() for numbers in rows]
    reason = {path: names.get(os.path.basename(path)) or next(reasons(path, needles), "") for path in files()}
    return sorted((path, why) for path, why in reason.items() if why)


def needle_of(why: str, numbers: list[str]) -> Needle:
    """The needle of a row of numbers."""
    text = rb"0*[^0-9.]{1,4}".join(re.escape(number.encode()) for number in numbers)
    values = [float(number) for number in numbers]
    arrays = tuple(struct.pack(f"<{len(values)}{form}", *values) for form in "df")
    return Needle(why, numbers[0].encode(), re.compile(text), arrays)


def reasons(path: str, needles: list[Needle]) -> Iterator[str]:
    """Why a file is unwanted, by its content. What is too large, or cannot be read by a solution, is not searched."""
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            return
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return
    for content in (data, *unpacked(data)):
        for needle in needles:
            is_text = needle.start in content and needle.text.search(content)
            if is_text or any(array in content for array in needle.arrays):
                yield needle.why


def unpacked(data: bytes) -> Iterator[bytes]:
    """What a gzip file or a ZIP file (.npz, .whl) holds."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as file:
                yield file.read(LARGEST)
        elif data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    with archive.open(member) as file:
                        yield file.read(LARGEST)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile):
        return  # a package's test of damaged files


def survey(
    imports: list[str], added: list[str], names: dict[str, str], signs: dict[str, list[list[str]]]
) -> dict[str, object]:
    """Packages, their contents' digests, importable names, unwanted files.

    It imports `imports`, and of `added` what there is, to prove that they work.
    """
    site = sysconfig.get_path("purelib")
    distributions = {
        d.metadata["Name"].lower().replace("_", "-"): [d.version, content_of(d)]
        for d in metadata.distributions(path=[site])
    }
    modules = {name for name in metadata.packages_distributions() if name.isidentifier()}
    for name in [*imports, *(name for name in added if name in modules)]:
        importlib.import_module(name)
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "distributions": distributions,
        "modules": sorted(modules),
        "unwanted": unwanted_files(names, signs),
    }


if __name__ == "__main__":
    print(json.dumps(survey(*json.loads(sys.argv[1]))))
