"""The rooms of `graders/` and what they import of each other: `python tests/rooms.py` prints it.

A room is a folder of `graders/`, or one of the files that stand beside the folders.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = (
    {"failures", "version"},
    {"wall", "tasks", "metrics"},
    {"record"},
    {"course", "scoring"},
    {"asking", "intake"},
    {"grade", "marks"},
    {"runs"},
    {"authoring", "demo"},
)
"""From the ground up: a room imports those of the floors below it."""


def files() -> Iterator[Path]:
    """The toolkit's own files in `graders/`; the demo's groups are solutions."""
    for path in sorted((ROOT / "graders").rglob("*.py")):
        if "groups" not in path.parts and path != ROOT / "graders" / "__init__.py":
            yield path


def room_of(path: Path) -> str:
    """The room that a file belongs to."""
    first = path.relative_to(ROOT / "graders").parts[0]
    return first.removesuffix(".py")


def imports() -> Iterator[tuple[Path, int, str, str]]:
    """(file, line, its room, the room it imports of) for every import across rooms, lazy and typing-only ones too."""
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _names(node):
                parts = name.split(".")
                if parts[0] == "graders" and len(parts) > 1 and parts[1] != room_of(path):
                    yield path, node.lineno, room_of(path), parts[1]  # type: ignore[attr-defined]


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        whole = node.module == "graders"
        return [f"graders.{alias.name}" for alias in node.names] if whole else [node.module]
    return []


def between() -> Mapping[tuple[str, str], int]:
    """How many imports there are from one room of another."""
    return Counter((a, b) for _, _, a, b in imports())


def floor_of(room: str) -> int:
    """The floor on which a room lies; a room without one is a mistake of this file."""
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def circles(pairs: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Pairs of rooms that import each other."""
    rooms = sorted({room for pair in pairs for room in pair})
    return [(a, b) for a, b in combinations(rooms, 2) if (a, b) in pairs and (b, a) in pairs]


def offences() -> list[str]:
    """Imports of a room on the same floor or above."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {a} imports {b}"
        for path, line, a, b in imports()
        if floor_of(b) >= floor_of(a)
    ]


def main() -> None:
    """Print rooms, imports between them, and circles."""
    pairs = between()
    lines: dict[str, int] = defaultdict(int)
    for path in files():
        lines[room_of(path)] += len(path.read_text(encoding="utf-8").splitlines())
    for number, rooms in enumerate(FLOORS):
        for room in sorted(rooms & set(lines)):
            below = ", ".join(f"{b} {n}" for (a, b), n in sorted(pairs.items()) if a == room)
            print(f"{number}  {room:10} {lines[room]:6} lines   {below}")
    print(f"{len(lines)} rooms, {len(pairs)} pairs of rooms, {sum(pairs.values())} imports between rooms")
    print(f"rooms that import each other: {', '.join(map(' <-> '.join, circles(pairs))) or 'none'}")
    for offence in offences():
        print(offence)


if __name__ == "__main__":
    sys.exit(main())
