"""The rooms of `graders/` and what they import of each other: `python tests/rooms.py` prints it.

A room is a folder of `graders/`, or one of the files that stand beside the folders.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
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
    {"authoring"},
    {"demo"},
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
        for line, names in _statements(path):
            for room in sorted({name.split(".")[1] for name in names if name.startswith("graders.")}):
                if room != room_of(path):
                    yield path, line, room_of(path), room


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


def of_files() -> Mapping[str, set[str]]:
    """The files of `graders/` that each file imports, as dotted names; a name within a file counts as that file."""
    found: dict[str, set[str]] = {}
    known = {_dotted(path): path for path in files()}
    for name, path in known.items():
        wanted = {part for _, names in _statements(path) for part in names}
        found[name] = {target for part in wanted if (target := _file_of(part, known)) and target != name}
    return found


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _statements(path: Path) -> list[tuple[int, list[str]]]:
    """The line of each import of a file, and what it names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [(node.lineno, _imported(node)) for node in statements]


def _imported(node: ast.AST) -> list[str]:
    """Whole dotted names, each with the name taken from it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _file_of(name: str, known: Collection[str]) -> str | None:
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def file_circles(imported: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Files that reach each other through what they import: one list for each knot of them."""
    reach: dict[str, set[str]] = {}
    for name in imported:
        seen: set[str] = set()
        waiting = list(imported[name])
        while waiting:
            if (one := waiting.pop()) not in seen:
                seen.add(one)
                waiting += imported.get(one, ())
        reach[name] = seen
    knots = {tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in reach if a in reach[a]}
    return [list(knot) for knot in sorted(knots)]


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
    print(f"files that import each other: {'; '.join(map(' <-> '.join, file_circles(of_files()))) or 'none'}")
    for offence in offences():
        print(offence)


if __name__ == "__main__":
    sys.exit(main())
