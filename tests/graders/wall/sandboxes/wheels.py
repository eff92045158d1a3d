"""Wheels made by hand, so that images of one tiny package can be built in a second."""

import hashlib
import zipfile
from base64 import urlsafe_b64encode

TINY = {"tiny.py": "answer = 42\n"}
"""The files of one tiny package."""


def make_wheel(folder, name, files, version="1.0"):
    """A wheel of these files, path and content; returns its path."""
    contents = {path: data if isinstance(data, bytes) else data.encode() for path, data in files.items()}
    information = f"{name}-{version}.dist-info"
    contents[f"{information}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{information}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in contents.items()]
    contents[f"{information}/RECORD"] = "\n".join([*rows, f"{information}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in contents.items():
            archive.writestr(path, data)
    return wheel


def _digest(data):
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
