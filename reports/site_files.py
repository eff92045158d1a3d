"""Writes a site into a folder, and removes the pages of an earlier one: files that medmark did not write stay."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assignments.errors import UserError
from assignments.files import replace_file
from reports.write import write

MANIFEST: Final = "site.json"
"""The file that lists the pages of a site, each with the digests of what medmark wrote there."""
PAGE: Final = re.compile(r"(?:[a-z][a-z0-9_]*/)?[a-z][a-z0-9_]*\.html")
"""The path of a page within a site."""

Digests = dict[str, list[str]]


@dataclass(frozen=True)
class WrittenSite:
    """What is in the folder now."""

    pages: tuple[Path, ...]
    """The first is the one to open."""
    removed: tuple[Path, ...]
    """Pages of an earlier site that this one lacks."""
    left: tuple[Path, ...]
    """The same, but a person has changed them since: they stay."""


def write_site(pages: Mapping[str, str], folder: Path) -> WrittenSite:
    """Write the pages, by their paths within the folder, in place of the site that lies there.

    Whatever stops it, each page is the old or the new one as a whole, and the same call continues.

    Raises:
        UserError: a page would replace a file that medmark did not write, or the folder cannot be read or written.
    """
    before = _read(folder)
    now = {name: [_digest(text.encode())] for name, text in pages.items()}
    for name, digests in now.items():
        path = folder / name
        if path.exists() and _digest_of(path) not in (*before.get(name, ()), *digests):
            raise UserError(
                f"{path} is there already, and is not as medmark wrote it. Move it away, or name another folder with "
                "--out"
            )
    # First, so that pages of a run that is stopped count as medmark's.
    _write_manifest(folder, {name: [*before.get(name, ()), *now.get(name, ())] for name in {**before, **now}})
    for name, text in pages.items():
        write(folder / name, text)
    removed, left = [], []
    for name in before.keys() - now.keys():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            continue
        if _digest_of(path) in before[name]:
            path.unlink()
            removed.append(path)
        else:
            left.append(path)
    _write_manifest(folder, now)
    return WrittenSite(tuple(folder / name for name in pages), tuple(sorted(removed)), tuple(sorted(left)))


def _read(folder: Path) -> Digests:
    """The pages of the site that lies there; none if there is none."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        pages: Digests = document["pages"]
        if all(PAGE.fullmatch(name) and all(isinstance(d, str) for d in digests) for name, digests in pages.items()):
            return pages
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise UserError(f"{folder} is not a folder. Name one with --out") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{path} does not list the pages of a site. Remove it, or name another folder with --out")


def _write_manifest(folder: Path, pages: Digests) -> None:
    text = json.dumps({"written_by": "medmark site", "pages": pages}, indent=1, sort_keys=True) + "\n"
    try:
        replace_file(folder / MANIFEST, text)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}). Name another folder with --out") from error


def _digest_of(path: Path) -> str:
    """The digest of a file; of what is not a plain file, none that a page has."""
    return _digest(path.read_bytes()) if path.is_file() and not path.is_symlink() else ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
