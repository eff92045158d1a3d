"""Runs a command on a copy of this machine that is thrown away, with packages of Debian unstable on it.

    python .ci/throw_away.py apptainer -- COMMAND...

Debian's stable releases have no apptainer. What unstable has of it brings a newer C library, which no machine should
get for a test: so the packages go into an overlay in memory, which ends with the command. As root.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

MARK = "MEDMARK_THROW_AWAY"
HELD = ("proc", "dev", "sys", "run")


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def enter_copy() -> None:
    """Make an overlay of the root the root of this process; what is written to it lies in memory."""
    run("mount", "--make-rprivate", "/")
    layers = Path("/mnt")
    run("mount", "-t", "tmpfs", "-o", "mode=755,size=8g", "tmpfs", str(layers))
    for name in ("upper", "work", "root"):
        (layers / name).mkdir()
    options = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(layers / "root"))
    for name in HELD:
        run("mount", "--rbind", f"/{name}", str(layers / "root" / name))
    old = layers / "root/mnt"
    old.mkdir(exist_ok=True)
    os.chdir(layers / "root")
    # A user name space cannot be made from a chroot: the root itself has to be another one.
    run("pivot_root", ".", "mnt")
    os.chroot(".")
    run("umount", "--lazy", "/mnt")


def install(packages: list[str]) -> None:
    """Install packages of unstable, with what they need, from the mirror that this machine uses."""
    Path("/etc/apt/sources.list.d/unstable.list").write_text(f"deb {mirror()} unstable main\n", encoding="utf-8")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet=2"], env=environment, check=True)
    words = ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", "--target-release", "unstable"]
    subprocess.run([*words, *packages], env=environment, check=True)


def mirror() -> str:
    """The first address of packages in the lists of apt, in either of their formats."""
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    words = " ".join(path.read_text(encoding="utf-8") for path in lists if path.is_file()).split()
    addresses = [word for before, word in itertools.pairwise(words) if before in ("URIs:", "deb") and "://" in word]
    if not addresses:
        sys.exit("no mirror of Debian in /etc/apt/sources.list or sources.list.d")
    return addresses[0]


def main() -> None:
    split = sys.argv.index("--")
    packages, command = sys.argv[1:split], sys.argv[split + 1 :]
    if MARK not in os.environ:
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        os.execvpe(words[0], words, {**os.environ, MARK: "1"})
    here = Path.cwd()
    enter_copy()
    os.chdir(here)
    install(packages)
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
