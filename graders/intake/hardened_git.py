"""Runs git on repositories that may be hostile: fixed settings, no shell, limits of time, memory and size.

The caller chooses the command; every operand comes after `--` or is validated.
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
from graders.intake.git_messages import feedback_on, is_group_at_fault
from graders.intake.listing import escaped

HARMLESS = (
    # Author and date of a commit or tag, as old or careless tools wrote them: no mark depends on these.
    "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
    "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "multipleAuthors", "nulInCommit", "zeroPaddedDate",
    # Modes with a leading zero, as tools wrote them before 2011: git reads them as the same modes.
    "zeroPaddedFilemode",
)  # fmt: skip
"""Defects of git's fsck that do not stop a fetch. All others do: entries named .., .git or nothing, unsorted or twice,
null ids, objects that cannot be parsed, and every defect of .gitmodules."""
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
    "fetch.unpackLimit=1",  # always one pack: an interrupted fetch leaves one file to remove
    "transfer.fsckObjects=true",
    "safe.bareRepository=explicit",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "gc.auto=0",
    "maintenance.auto=false",
    # Against hostile packs: large objects are streamed, and one thread unpacks deltas within MEMORY_MB.
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
"""How much git may print."""
MESSAGES_MB = 1
"""How much git, and the host through it, may write to stderr."""
MEMORY_MB = 2048
"""Memory of one git process: a pack of a megabyte can need gigabytes."""


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
    """Once set, every git process with this reach is killed."""


def run_git(
    arguments: Sequence[str],
    *,
    reach: Reach,
    git_dir: Path | None = None,
    address: str | None = None,
    stdin_data: bytes = b"",
    stdin: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    output_mb: float = OUTPUT_MB,
    growing: Path | None = None,
    settings_of: Mapping[str, str] | None = None,
) -> bytes:
    """What git prints, or `GitFailed`. No process that git started is left running.

    git reads `stdin_data`, or the file `stdin`, which stands where git begins to read.

    `address` is the repository that git contacts, which decides the token. With `output`, git prints into that file and
    b"" is returned. `growing` is watched: git is killed once it is larger than the reach allows. `settings_of` is the
    environment that names a person's own settings, for a command that only lists them.
    """
    environment, token = _environment(reach, address)
    if settings_of is not None:
        own = {name: value for name, value in environment.items() if not name.startswith("GIT_CONFIG_")}
        environment = {**own, **settings_of}
    with (
        tempfile.TemporaryFile() as short,
        tempfile.TemporaryFile() as printed,
        tempfile.TemporaryFile() as stderr,
    ):
        short.write(stdin_data)
        short.seek(0)
        stdout = output or printed
        process = _started([*_git_in(git_dir, reach), *arguments], environment, stdin or short, stdout, stderr)
        try:
            _limit_memory(process)
            _wait(process, reach, growing, (stdout, output_mb), stderr)
        finally:
            _end(process)
        stderr.seek(0)
        messages = _cleaned(stderr.read(100_000), token)
        if process.returncode != 0:
            raise GitFailed(feedback_on(messages), messages, group_at_fault=is_group_at_fault(messages))
        if output is not None:
            return b""
        printed.seek(0)
        return printed.read()


def _git_in(git_dir: Path | None, reach: Reach) -> list[str]:
    """The first words of a command line: git, its settings, and the repository that it works on."""
    settings = [*SETTINGS, *(["protocol.file.allow=always"] if reach.allow_file else [])]
    words = ["git", *(word for setting in settings for word in ("-c", setting))]
    return words if git_dir is None else [*words, f"--git-dir={git_dir.absolute()}"]


def _started(
    argv: Sequence[str], environment: Mapping[str, str], stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """The process, in a group of its own."""
    try:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            # Never inside a repository: git would read its settings.
            cwd=Path.cwd().anchor,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise UserError("git is not installed. Install it: apt install git") from None


def _environment(reach: Reach, address: str | None) -> tuple[dict[str, str], str | None]:
    """git's whole environment, without the shell's; and the token of the address's host, if it has one."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | ENVIRONMENT
    environment["GIT_ALLOW_PROTOCOL"] = "https:ssh:file" if reach.allow_file else "https:ssh"
    # In the environment, which only this user can read: `ps` and logs would show an argument or a URL.
    settings = {"http.followRedirects": "initial"}
    token = None
    host = host_of(address) if address and address.startswith("https://") else ""
    if host in reach.token_env:
        token = _token(reach, host)
        word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.https://{host}/.extraHeader"] = f"Authorization: Basic {word}"
        # After a redirect, git would send the header to the new host too.
        settings["http.followRedirects"] = "false"
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment, token


def environment_for_reading(mirror: Path) -> dict[str, str]:
    """The environment in which a library's own git reads a mirror of medmark as `run_git` would.

    git then uses only medmark's settings, looks in no other folder, and can contact no host.
    """
    variables = {"GIT_DIR": str(mirror.absolute()), "GIT_ALLOW_PROTOCOL": "none"}
    settings = [setting for setting in SETTINGS if not setting.endswith("=always")]
    for number, setting in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{number}"], _, variables[f"GIT_CONFIG_VALUE_{number}"] = setting.partition("=")
    return ENVIRONMENT | variables | {"GIT_CONFIG_COUNT": str(len(settings))}


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
    """The host of an https address in small letters, with its port if there is one."""
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
        if os.fstat(stderr.fileno()).st_size > MESSAGES_MB * 1e6:
            raise GitFailed(f"the host sends more than {MESSAGES_MB} MB of messages")
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
    """Set from outside while git starts, so that processes of git inherit it. Linux only."""
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_MB << 20,) * 2)
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill git and its helpers (ssh, git-remote-https, index-pack), which share its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; a file that disappears meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _cleaned(messages: bytes, token: str | None) -> str:
    """git's messages, and a host's among them, as one line that can be seen: no token, no credentials in a URL."""
    text = messages.decode("utf-8", "replace")
    if token:
        text = text.replace(token, "***")
    text = re.sub(r"//[^/@\s]+@", "//***@", text)
    lines = (escaped(line.strip()) for line in text.splitlines())
    return "; ".join(line for line in lines if line)[-2000:]
