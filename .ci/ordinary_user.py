"""Runs a command as a user who is not root, with ids for sandboxes: `python .ci/ordinary_user.py COMMAND...`.

Sandboxes without a daemon are for ordinary users, and a test by root proves little of them. An ordinary user's command
runs as it is. Root gets a mount name space first, in which the user and its ids stand in /etc and the folders on the
way to the command can be passed: nothing on the machine changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

UID = 4_000
NAME = "rootless"
LINES = {
    "passwd": f"{NAME}:x:{UID}:{UID}::{{home}}:/bin/sh\n",
    "group": f"{NAME}:x:{UID}:\n",
    "subuid": f"{NAME}:200000:65536\n",
    "subgid": f"{NAME}:200000:65536\n",
}
MARK = "MEDMARK_OWN_MOUNTS"


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def add_user(folder: Path, home: Path) -> None:
    """Let the user stand in /etc, as far as this process and its children see."""
    for name, line in LINES.items():
        path = Path("/etc") / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        own = [each for each in lines if each.split(":")[0] != NAME and f":{UID}:" not in each]
        path.touch()
        (folder / name).write_text("".join(own) + line.format(home=home), encoding="utf-8")
        (folder / name).chmod(0o644)
        run("mount", "--bind", str(folder / name), str(path))


def open_way(folder: Path, target: Path) -> None:
    """Let everybody pass through the folders above a path: an overlay of each that is closed has another mode."""
    for number, closed in enumerate(reversed(target.parents)):
        if closed.stat().st_mode & 0o005 != 0o005:
            layers = folder / f"{target.name}-{number}"
            for name in ("upper", "work"):
                (layers / name).mkdir(parents=True)
            options = f"lowerdir={closed},upperdir={layers}/upper,workdir={layers}/work"
            run("mount", "-t", "overlay", "overlay", "-o", options, str(closed))
            closed.chmod(0o755)


def main() -> None:
    command = sys.argv[1:]
    if os.geteuid() != 0:
        os.execvp(command[0], command)
    if MARK not in os.environ:
        # Podman leaves a process that holds its name spaces: it ends with the process name space.
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        os.execvpe(words[0], words, {**os.environ, MARK: "1"})
    folder = Path(tempfile.mkdtemp(prefix="medmark-user-"))
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))
    home, running = folder / "home", folder / "run"
    for own in (home, running):
        own.mkdir(mode=0o700)
        os.chown(own, UID, UID)
    add_user(folder, home)
    runtimes = Path(os.environ.get("MEDMARK_HOME", Path.home() / ".local/share/medmark"))
    for needed in (Path.cwd(), Path(sys.executable).resolve(), runtimes):
        open_way(folder, needed / "here")
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(running), "MEDMARK_HOME": str(runtimes)}
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "CI")}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("MEDMARK_")}
    environment |= {"USER": NAME, "PYTHONDONTWRITEBYTECODE": "1"}
    words = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *command]
    done = subprocess.run(words, env={**kept, **environment}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
