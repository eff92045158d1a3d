"""Runs git against repositories that may be hostile: fixed settings, no shell, a time-out and a size cap.

It knows no course and no group. Whoever calls it says what to do; every operand comes after `--` or is validated.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from assignments.errors import MedmarkError, UserError

HARMLESS = (
    # Who made a commit or tag and when, as old or careless tools wrote it: evidence at most, and never a rule.
    "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
    "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "multipleAuthors", "nulInCommit", "zeroPaddedDate",
    # Modes with a leading zero, as tools of before 2011 wrote them: git reads them as the same modes.
    "zeroPaddedFilemode",
)  # fmt: skip
"""What git's fsck may find in a history that is fetched all the same. All else is refused: entries named .., .git or
nothing, in no order or twice, null ids, what cannot be parsed, and whatever .gitmodules may do."""
SETTINGS = (
    *(f"fetch.fsck.{message}=ignore" for message in HARMLESS),
    "core.hooksPath=/dev/null",
    "core.symlinks=false",
    "core.fsmonitor=false",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "credential.helper=",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",  # always one pack, so that a fetch that was cut off leaves one file to remove
    "transfer.fsckObjects=true",
    "safe.bareRepository=explicit",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "gc.auto=0",
    "maintenance.auto=false",
    # What a hostile pack can cost: large objects are streamed, and one thread unpacks deltas within MEMORY_MB.
    "core.bigFileThreshold=50m",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "pack.threads=1",
)
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "HOME": "/dev/null",
    "XDG_CONFIG_HOME": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
PASSED_ON = (
    "PATH", "SSH_AUTH_SOCK", "TMPDIR", "SYSTEMROOT",
    "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
)  # fmt: skip
OUTPUT_MB = 64
"""What git may print."""
WORDS_MB = 1
"""What git, and the host through it, may say beside that."""
MEMORY_MB = 2048
"""Of one git process: a pack of a megabyte can ask for gigabytes."""


class GitFailed(MedmarkError):
    """git failed. A student may read `feedback`; `args[0]` is git's own message, without tokens.

    `group_at_fault` is true where the cause is in the group's repository or on its host: a retry changes nothing.
    """

    def __init__(self, feedback: str, evidence: str = "", *, group_at_fault: bool = False) -> None:
        super().__init__(evidence or feedback)
        self.feedback = feedback
        self.group_at_fault = group_at_fault


@dataclass(frozen=True)
class Reach:
    """What git may reach, how long it may take and how large a repository may become."""

    allow_file: bool = False
    token_env: Mapping[str, str] = field(default_factory=dict)
    """Host to the name of the environment variable that holds a token for it."""
    timeout_s: float = 120.0
    size_mb: int = 1000
    stop: threading.Event = field(default_factory=threading.Event, compare=False)
    """Once set, every git that runs under this reach is ended."""


def run_git(
    arguments: Sequence[str],
    *,
    reach: Reach,
    git_dir: Path | None = None,
    address: str | None = None,
    stdin_data: bytes = b"",
    output: IO[bytes] | None = None,
    output_mb: float = OUTPUT_MB,
    growing: Path | None = None,
    settings_of: Mapping[str, str] | None = None,
) -> bytes:
    """What git prints, or `GitFailed`. Nothing that git started is left running.

    `address` is the repository that is talked to, which decides the token. With `output`, what git prints goes
    there and b"" is returned. `growing` is watched: git ends once it is larger than the reach allows. `settings_of`
    says in its environment where a person's own settings lie: for a command that does nothing but list them.
    """
    file_too = ["-c", "protocol.file.allow=always"] if reach.allow_file else []
    argv = ["git", *(part for setting in SETTINGS for part in ("-c", setting)), *file_too]
    if git_dir is not None:
        argv.append(f"--git-dir={git_dir.absolute()}")
    environment, token = _environment(reach, address)
    if settings_of is not None:
        ours = {name: value for name, value in environment.items() if not name.startswith("GIT_CONFIG_")}
        environment = {**ours, **settings_of}
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as kept,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(stdin_data)
        stdin.seek(0)
        stdout = output or kept
        try:
            process = subprocess.Popen(
                [*argv, *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                # Never inside a repository: its own settings would be read.
                cwd=Path.cwd().anchor,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise UserError("git is not installed. Install it: apt install git") from None
        try:
            _limit_memory(process)
            _wait(process, reach, growing, (stdout, output_mb), stderr)
        finally:
            _end(process)
        stderr.seek(0)
        words = _cleaned(stderr.read(100_000), token)
        if process.returncode != 0:
            raise GitFailed(_feedback_on(words), words, group_at_fault=_is_group_at_fault(words))
        if output is not None:
            return b""
        kept.seek(0)
        return kept.read()


def _environment(reach: Reach, address: str | None) -> tuple[dict[str, str], str | None]:
    """git's whole environment: ours, not the shell's; with the token of the address's host, if it has one."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | ENVIRONMENT
    environment["GIT_ALLOW_PROTOCOL"] = "https:ssh:file" if reach.allow_file else "https:ssh"
    # In the environment, which only this user can read; an argument or a URL would stand in `ps` and in logs.
    settings = {"http.followRedirects": "initial"}
    token = None
    host = host_of(address) if address and address.startswith("https://") else ""
    if host in reach.token_env:
        token = _token(reach, host)
        word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.https://{host}/.extraHeader"] = f"Authorization: Basic {word}"
        # After a redirect git would send the header to the new host as well.
        settings["http.followRedirects"] = "false"
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment, token


def environment_for_reading(mirror: Path) -> dict[str, str]:
    """What a library's own git must find in its environment to read a mirror of ours as `run_git` would.

    No settings but ours are read, nothing is looked for elsewhere, and no host can be talked to.
    """
    words = {"GIT_DIR": str(mirror.absolute()), "GIT_ALLOW_PROTOCOL": "none"}
    settings = [setting for setting in SETTINGS if not setting.endswith("=always")]
    for number, setting in enumerate(settings):
        words[f"GIT_CONFIG_KEY_{number}"], _, words[f"GIT_CONFIG_VALUE_{number}"] = setting.partition("=")
    return ENVIRONMENT | words | {"GIT_CONFIG_COUNT": str(len(settings))}


def check_tokens(reach: Reach, addresses: Iterable[str]) -> None:
    """Raise `UserError` if the token of one of these addresses' hosts is not in the environment."""
    for host in sorted({host_of(address) for address in addresses if address.startswith("https://")}):
        if host in reach.token_env:
            _token(reach, host)


def _token(reach: Reach, host: str) -> str:
    name = reach.token_env[host]
    token = os.environ.get(name, "").strip()
    if not token:
        raise UserError(
            f"course.toml access.token_env: the environment variable {name} for {host} is not set. "
            f"Set it and run the same command again: export {name}=..."
        )
    return token


def host_of(address: str) -> str:
    """The host of an https address, in small letters, with its port if it names one."""
    return address.removeprefix("https://").split("/", 1)[0].lower()


def _wait(
    process: subprocess.Popen[bytes],
    reach: Reach,
    growing: Path | None,
    output: tuple[IO[bytes], float],
    stderr: IO[bytes],
) -> None:
    stdout, output_mb = output
    latest = time.monotonic() + reach.timeout_s
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
        if os.fstat(stdout.fileno()).st_size > output_mb * 1e6:
            cure = "remove what is not part of the coursework"
            raise GitFailed(f"the repository lists more than {output_mb:g} MB: {cure}", group_at_fault=True)
        if os.fstat(stderr.fileno()).st_size > WORDS_MB * 1e6:
            raise GitFailed(f"the host says more than {WORDS_MB} MB")
        if growing is not None and folder_bytes(growing) > reach.size_mb * 1e6:
            raise GitFailed(
                f"the repository is larger than {reach.size_mb} MB: remove large files from its history "
                "(git filter-repo --strip-blobs-bigger-than 10M) and push again"
            )
        if process.returncode is not None:
            return
        if reach.stop.is_set():
            raise GitFailed("stopped by the person at the keyboard")
        if time.monotonic() > latest:
            raise GitFailed(f"the host did not answer within {reach.timeout_s:g} s")


def _limit_memory(process: subprocess.Popen[bytes]) -> None:
    """Set from outside, while git still starts: what it starts itself inherits it. Linux only."""
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_MB << 20,) * 2)
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what git started too: its helpers (ssh, git-remote-https, index-pack) share its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; a file that goes away meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _cleaned(words: bytes, token: str | None) -> str:
    """git's words as one line of plain text: no control characters, no token, no credentials in a URL."""
    text = words.decode("utf-8", "replace")
    if token:
        text = text.replace(token, "***")
    text = re.sub(r"//[^/@\s]+@", "//***@", text)
    lines = (re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", line).strip() for line in text.splitlines())
    return "; ".join(line for line in lines if line)[-2000:]


_FRESH = "copy your files into a fresh repository, commit and push"
_CAUSES = (
    (
        r"out of memory|cannot allocate memory|mmap failed",
        "reading it takes more memory than the marker allows: remove large files from its history",
    ),
    (
        r"could not read Username|Authentication failed|HTTP Basic|error: 40[13]|Permission denied \(|"
        r"terminal prompts disabled|unable to read askpass",
        "access was refused: give the marker read access to the repository",
    ),
    (
        r"not found|does not appear to be a git repository|error: 404|does not exist",
        "there is no repository at this address, or the marker may not read it: check the address in the roster",
    ),
    (
        r"unable to update url base from redirection|redirect|error: 30\d",
        "the repository has moved: put its new address into the roster",
    ),
    (
        r"Could not resolve|Connection (refused|timed out|reset)|Failed to connect|Network is unreachable|"
        r"timed out|early EOF|error: 5\d\d|Connection closed|unexpected disconnect",
        "the host did not answer",
    ),
    (r"Host key verification failed", "the host's key is not known: ask the course's staff"),
    (r"transport '\w+' not allowed", "this kind of address is not allowed in this course"),
    (r"No space left on device", "the marker's disk is full"),
    (
        r"not our ref|did not send all necessary|did not receive expected|corruption on the remote|bad pack header",
        "its host names a commit that it does not hand out whole: push again, from a clone that is complete",
    ),
    (
        r"fsck error|error: object [0-9a-f]{40}: |is corrupt|bad object|invalid index-pack",
        f"its history is malformed (git fsck says where): {_FRESH}",
    ),
)
_GROUP_AT_FAULT = re.compile(
    r"error: object [0-9a-f]{40}: |fsck error|pack has bad object|pack is corrupted|unresolved deltas|not our ref|"
    r"did not send all necessary|did not receive expected|corruption on the remote|"
    r"bad pack header"
)
_TOOLKIT_AT_FAULT = re.compile(
    r"memory|mmap failed|No space left|quota|[Rr]ead-only|Permission denied|Input/output error|write error|"
    r"unable to (create|write)|cannot (create|write|store)|timed out|Connection"
)
"""Trouble of ours or of the way, beside which git calls what came incomplete too."""


_DEFECTS = {
    **dict.fromkeys(("hasDot", "hasDotdot", "hasDotgit"), "holds a file named ., .. or .git"),
    **dict.fromkeys(("fullPathname", "emptyName"), "holds a file whose name is a path, or nothing"),
    **dict.fromkeys(("duplicateEntries", "treeNotSorted"), "lists files twice, or in no order"),
    "nullSha1": "names a file by an id of zeros",
    "badTree": "is not a tree that Git can read",
    **dict.fromkeys(("missingAuthor", "missingCommitter", "missingTree"), "is a commit without author, date or files"),
    **dict.fromkeys(("gitmodulesSymlink", "gitmodulesName", "gitmodulesUrl", "gitmodulesPath", "gitmodulesUpdate"),
                    "is a .gitmodules file that Git refuses to follow"),
}  # fmt: skip
"""What git's fsck calls it, and what it is: the message itself may hold text of the group's."""


def _feedback_on(words: str) -> str:
    named = re.search(r"error: (?:object )?([0-9a-f]{40}): (\w+):", words)
    if named and named[2] in _DEFECTS:
        what = f"object {named[1]} {_DEFECTS[named[2]]}"
        return f"its history is malformed (git fsck says where: {what}): {_FRESH}"
    for pattern, told in _CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            return told
    return "git could not read the repository"


def _is_group_at_fault(words: str) -> bool:
    ours = "; ".join(part for part in words.split("; ") if not part.startswith("remote:"))
    return bool(_GROUP_AT_FAULT.search(words)) and not _TOOLKIT_AT_FAULT.search(ours)
