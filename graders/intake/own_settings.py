"""What of a person's own Git settings says how their disk stores files and which of them are ignored.

These are read, wherever they stand (the system's, theirs, the clone's, what those include), as `git status` reads them,
and passed on one by one. What names a program is not among them: `git config` starts none, and nothing else sees it.
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
"""What is read of a list of patterns."""
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0", ""}
_SWITCHES = (
    "filemode", "ignorecase", "precomposeunicode", "trustctime", "sparsecheckout", "sparsecheckoutcone",
)  # fmt: skip
_WORDS: Mapping[str, set[str]] = {
    "autocrlf": {"input"}, "eol": {"lf", "crlf", "native"}, "checkstat": {"default", "minimal"},
}  # fmt: skip
PATTERNS = {"excludesfile": "ignore", "attributesfile": "attributes"}
"""Settings that name a list of patterns, and the file in git's own folder that stands for it."""
OF_THE_DISK = frozenset(f"core.{name}" for name in (*_SWITCHES, *_WORDS, *PATTERNS))
"""What is passed on."""
HOMES = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "PROGRAMDATA")
"""Where git finds a person's settings."""


@dataclass(frozen=True)
class OwnSettings:
    """Settings as a person's own git has them."""

    switches: Mapping[str, str] = field(default_factory=dict)
    """Of section core, as git writes them."""
    patterns: Mapping[str, bytes] = field(default_factory=dict)
    """What the lists say that `core.excludesFile` and `core.attributesFile` name, by these names in small letters."""


def own_settings(git_dir: Path, root: Path, reach: Reach) -> OwnSettings:
    """The settings that hold for the clone in `git_dir`, whose files lie below `root`."""
    found: dict[str, str] = {}
    for key, value in _read(git_dir, reach):
        found[key.removeprefix("core.")] = value
    switches = {}
    for name, value in found.items():
        word = value.lower()
        if name in _WORDS and word in _WORDS[name]:
            switches[name] = word
        elif (name in _SWITCHES or name == "autocrlf") and word in _TRUE | _FALSE:
            switches[name] = "true" if word in _TRUE else "false"
    patterns = {}
    for name, standard in PATTERNS.items():
        path = root / os.path.expanduser(found[name]) if name in found else _config_home() / "git" / standard
        # Git warns of a list that it may not read, and goes on.
        with suppress(PermissionError):
            if path.is_file():  # neither a pipe nor a device, which could be waited for
                with path.open("rb") as file:
                    patterns[name] = file.read(PATTERNS_BYTES)
    return OwnSettings(switches, patterns)


def _read(git_dir: Path, reach: Reach) -> Iterator[tuple[str, str]]:
    """Key and value in the order in which git reads them: the last one holds."""
    asked = ["config", "--show-scope", "--includes", "-z", "--get-regexp", r"^core\."]
    environment = {name: os.environ[name] for name in HOMES if name in os.environ}
    environment.setdefault("HOME", str(home_folder() or os.devnull))
    # What is not there for us must not be there for git either: /dev/null is our own default.
    absent = {name: "" for name in ("XDG_CONFIG_HOME",) if name not in environment}
    for place in (git_dir, None):  # without the clone's, where git cannot read those
        try:
            told = run_git(asked, reach=reach, git_dir=place, settings_of=environment | absent)
        except GitFailed:
            continue
        parts = told.decode("utf-8", "surrogateescape").split("\0")
        for scope, item in zip(parts[0::2], parts[1::2], strict=False):
            key, given, value = item.partition("\n")
            if scope != "command" and key in OF_THE_DISK:
                yield key, value if given else "true"
        return


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or (home_folder() or Path(os.devnull)) / ".config")
