"""Reads the Git settings of a person that say how their disk stores files, and which files Git ignores.

They are read as `git status` reads them, from the settings of the system, the person and the clone and from what these
include, and passed on one by one. No setting that names a program is passed on, and `git config` starts none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from assignments.this_user import home_folder
from graders.intake.hardened_git import GitFailed, Reach, run_git

PATTERNS_BYTES = 1 << 20
"""How much of a list of patterns is read."""
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0", ""}
_SWITCHES = (
    "filemode", "ignorecase", "precomposeunicode", "trustctime", "sparsecheckout", "sparsecheckoutcone",
)  # fmt: skip
_WORDS: Mapping[str, set[str]] = {
    "autocrlf": {"input"}, "eol": {"lf", "crlf", "native"}, "checkstat": {"default", "minimal"},
}  # fmt: skip
PATTERNS = {"excludesfile": "ignore", "attributesfile": "attributes"}
"""Settings that name a list of patterns, with the standard file in git's own folder."""
OF_THE_DISK = frozenset(f"core.{name}" for name in (*_SWITCHES, *_WORDS, *PATTERNS))
"""The settings that are passed on."""
HOMES = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "PROGRAMDATA")
"""Where git finds a person's settings."""


@dataclass(frozen=True)
class OwnSettings:
    """Settings as a person's own git has them."""

    switches: Mapping[str, str] = field(default_factory=dict)
    """Settings of section core, as git writes them."""
    patterns: Mapping[str, bytes] = field(default_factory=dict)
    """The contents of `core.excludesFile` and `core.attributesFile`, by these names in small letters."""


def own_settings(git_dir: Path, root: Path, reach: Reach) -> OwnSettings:
    """The settings that hold for the clone in `git_dir`, whose files lie below `root`."""
    values: dict[str, str] = {}
    for key, value in _read(git_dir, reach):
        values[key.removeprefix("core.")] = value
    switches = {}
    for name, value in values.items():
        word = value.lower()
        if name in _WORDS and word in _WORDS[name]:
            switches[name] = word
        elif (name in _SWITCHES or name == "autocrlf") and word in _TRUE | _FALSE:
            switches[name] = "true" if word in _TRUE else "false"
    patterns = {}
    for name, standard in PATTERNS.items():
        path = root / os.path.expanduser(values[name]) if name in values else _config_home() / "git" / standard
        # Git warns about a list that it may not read, and goes on.
        with suppress(PermissionError):
            if path.is_file():  # not a pipe or a device, which could block
                with path.open("rb") as file:
                    patterns[name] = file.read(PATTERNS_BYTES)
    return OwnSettings(switches, patterns)


def _read(git_dir: Path, reach: Reach) -> Iterator[tuple[str, str]]:
    """Key and value in the order in which git reads them: the last one holds."""
    arguments = ["config", "--show-scope", "--includes", "-z", "--get-regexp", r"^core\."]
    environment = {name: os.environ[name] for name in HOMES if name in os.environ}
    environment.setdefault("HOME", str(home_folder() or os.devnull))
    # An absent variable must be absent for git too: run_git itself sets it to /dev/null.
    absent = {name: "" for name in ("XDG_CONFIG_HOME",) if name not in environment}
    for directory in (git_dir, None):  # without the clone's settings if git cannot read them
        try:
            listed = run_git(arguments, reach=reach, git_dir=directory, settings_of=environment | absent)
        except GitFailed:
            continue
        parts = listed.decode("utf-8", "surrogateescape").split("\0")
        for scope, item in zip(parts[0::2], parts[1::2], strict=False):
            key, separator, value = item.partition("\n")
            if scope != "command" and key in OF_THE_DISK:
                yield key, value if separator else "true"
        return


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or (home_folder() or Path(os.devnull)) / ".config")
