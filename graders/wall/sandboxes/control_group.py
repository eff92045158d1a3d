"""The memory that a scheduler's control group gives this process, and its files that a sandbox may read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
FILES = ("memory.current", "memory.max", "memory.events")
FILES_OF_VERSION_1 = ("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.oom_control")


def memory_files() -> tuple[Path, ...]:
    """The files of use, limit and kills of the control group that limits this process; none if none does.

    A limit may stand at a group above: Slurm's is the job's, and a process is in a step of it.
    """
    for folder, names in _folders():
        while folder != ROOT and folder.is_relative_to(ROOT):
            files = tuple(folder / name for name in names)
            if _limit(files[1]) is not None and all(path.is_file() for path in files):
                return files
            folder = folder.parent
    return ()


def kills(files: tuple[Path, ...]) -> int:
    """How often the kernel has killed for memory, by the files of a control group; 0 without them."""
    if not files:
        return 0
    rows = [line.split() for line in files[2].read_text().splitlines()]
    return next((int(row[1]) for row in rows if row[:1] == ["oom_kill"]), 0)


def _folders() -> list[tuple[Path, tuple[str, ...]]]:
    """Where this process's group lies, in version 2 and in version 1."""
    folders: list[tuple[Path, tuple[str, ...]]] = []
    for line in OWN.read_text().splitlines() if OWN.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folders.append((ROOT / path.lstrip("/"), FILES))
        elif "memory" in controllers.split(","):
            folders.append((ROOT / "memory" / path.lstrip("/"), FILES_OF_VERSION_1))
    return folders


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    # Version 1 writes a number that no machine has.
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None
