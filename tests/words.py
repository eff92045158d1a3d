"""Counts retired words in names and in what people read. Run: python tests/words.py [FILE OR FOLDER ...]

CONTRIBUTING.md has the list and what to say instead. A word is retired as a name of its own (`found`); some are retired
as a part of longer names too (`asked_names`).
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
READ = ("cli.py", "assignments", "graders", "reports", "reference_solutions", "docs", "README.md", "CONTRIBUTING.md")
"""What users and contributors read."""
WHOLE = frozenset({
    "asked", "told", "place", "places", "found", "made", "known", "kept", "given", "one", "some", "mine", "ours",
    "theirs", "way", "said", "came", "heard", "wanted", "taken",
})  # fmt: skip
"""Retired as a name of its own."""
WITHIN = frozenset({"asked", "told", "mine", "ours", "theirs", "nobodys", "mother", "lodging"})
"""Retired in longer names too."""
KEYS = frozenset({("assignments/assignment.py", "given")})
"""Keys of a file that authors write: a field has the key's name, which is a plain verb there."""
PHRASES = {
    "is no": r"\b(?<![Tt]here )(?:is|are|was|were) no (?!longer|more\b|larger|smaller|higher|lower|other|better|worse)",
    "of ours": r"\b(?:of|in|by|to) (?:ours|theirs|mine)\b",
    "nobody's": r"\bnobody's\b",
    "mother": r"\bmothers?\b",
    "lodging": r"\blodgings?\b",
    "the participle": r"\bthe (?:asked|told|found|made|known|given|said)\b(?! \w)",
    "what is": r"\b[Ww]hat (?:was|is|were|are) (?:asked|told|found|made|known|given|said|kept)\b",
}
"""Retired in prose: docstrings, comments, texts in the code, templates and documents."""


class Hit(NamedTuple):
    """One retired word."""

    file: str
    line: int
    word: str
    where: str


def hits(paths: Sequence[str] = READ) -> list[Hit]:
    """Every retired word below these paths."""
    files = [file for path in paths for file in _files(ROOT / path)]
    return [hit for file in files for hit in (*_names(file), *_phrases(file))]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    kinds = (".py", ".md", ".html", ".toml")
    return sorted(file for file in path.rglob("*") if file.suffix in kinds and "__pycache__" not in file.parts)


def _names(file: Path) -> Iterator[Hit]:
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                pass
            case ast.Name(id=name, ctx=ast.Store()):
                pass
            case _:
                continue
        words = re.split(r"_+|(?<=[a-z])(?=[A-Z])", name.strip("_"))
        lowered = {word.lower() for word in words}
        if lowered & WITHIN or (len(words) == 1 and lowered & WHOLE):
            hit = Hit(str(file.relative_to(ROOT)), node.lineno, name, "name")
            if (hit.file, name) not in KEYS:
                yield hit


def _phrases(file: Path) -> Iterator[Hit]:
    for number, text in _prose(file):
        for word, pattern in PHRASES.items():
            for _ in re.finditer(pattern, text):
                yield Hit(str(file.relative_to(ROOT)), number, word, "prose")


def _prose(file: Path) -> Iterator[tuple[int, str]]:
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield token.start[0], " ".join(token.string.split())


def main(paths: Sequence[str]) -> None:
    retired = hits(paths or READ)
    for hit in retired if paths else ():
        print(f"{hit.file}:{hit.line}: {hit.word} ({hit.where})")
    for kind in ("name", "prose"):
        of_kind = [hit for hit in retired if hit.where == kind]
        print(f"{len(of_kind)} retired in {kind}{'s' if kind == 'name' else ''}")


if __name__ == "__main__":
    main(sys.argv[1:])
