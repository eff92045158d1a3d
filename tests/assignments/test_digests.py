"""Digests of code: they change with what the code does and with nothing else, under every Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assignments.digests import code_digest, digest_of, file_digest, source_digest

ROOT = Path(__file__).parents[2]
PLAIN = """\
import numpy as np


class Cut:
    at: float = 0.5

    def above(self, values):
        return [f"{value:.{3}f}" for value in values if value > self.at]


def later(model): ...
"""
SAME = {
    "a comment": PLAIN.replace("return", "# why\n        return"),
    "a comment beside code": PLAIN.replace("as np", "as np  # arrays"),
    "a docstring of the module": '"""Words."""\n' + PLAIN,
    "a docstring of a class": PLAIN.replace("class Cut:", 'class Cut:\n    """Words."""'),
    "a docstring of a function": PLAIN.replace("values):", 'values):\n        """Words."""'),
    "a string beside a field": PLAIN.replace("= 0.5", '= 0.5\n    """Words."""'),
    "a docstring in place of dots": PLAIN.replace("later(model): ...", 'later(model):\n    """Words."""'),
    "pass in place of dots": PLAIN.replace("later(model): ...", "later(model):\n    pass"),
    "blank lines": PLAIN.replace("class", "\n\n\nclass"),
    "other quotes": PLAIN.replace('"', "'"),
    "brackets and broken lines": PLAIN.replace("value > self.at", "(\n            value > self.at\n        )"),
    "tabs": PLAIN.replace("    ", "\t"),
    "Windows' ends of lines": PLAIN.replace("\n", "\r\n"),
    "a mark of the byte order": "\ufeff" + PLAIN,
}
OTHER = {
    "a number": PLAIN.replace("0.5", "0.25"),
    "a number of another type": PLAIN.replace("{3}", "{3.0}"),
    "a name": PLAIN.replace("Cut", "Cutter"),
    "a comparison": PLAIN.replace(">", ">="),
    "an annotation": PLAIN.replace("at: float", "at: int"),
    "the text of an f-string": PLAIN.replace("}f}", "}f} mm"),
    "a value in place of a docstring": PLAIN.replace("later(model): ...", 'later(model): return "Words."'),
    "a decorator": PLAIN.replace("def later", "@np.vectorize\ndef later"),
    "the order of two statements": PLAIN.replace("import numpy as np\n", "") + "import numpy as np\n",
    "depth": PLAIN.replace("def later(model): ...", "    def later(model): ..."),
}


@pytest.mark.parametrize("change", SAME)
def test_a_change_that_does_nothing_keeps_the_digest(change: str) -> None:
    assert SAME[change] != PLAIN
    assert source_digest(SAME[change].encode()) == source_digest(PLAIN)


@pytest.mark.parametrize("change", OTHER)
def test_a_change_that_does_something_changes_the_digest(change: str) -> None:
    assert OTHER[change] != PLAIN
    assert source_digest(OTHER[change]) != source_digest(PLAIN)


def test_different_programs_have_different_digests() -> None:
    """The pieces of a tree must not run together: a name is not the text of a name."""
    sources = ["f(a)", "f('a')", "f(b'a')", "f(a, b)", "f(a)(b)", "f((a, b))", "f([a, b])", "f(a=b)", "f(None)", "f()",
               "x = {**a}", "x = {a: b}", "x = {None: a}", "f'{a}{b}'", "f'{a:{b}}'", "f'ab'", "a = 'ab'", "f'{a!r}'",
               "f'{a}'", "a = b; c", "a = b, c", "a = 1", "a = True", "a = 1.0", "a = -1", "a if b else c",
               "lambda a: b"]  # fmt: skip
    assert len({source_digest(source) for source in sources}) == len(sources)


def test_a_sum_of_a_thousand_terms_has_a_digest() -> None:
    terms = " + ".join("a" for _ in range(1000))
    assert source_digest(terms) != source_digest(terms + " + a")


def test_source_that_is_not_python_is_digested_byte_by_byte() -> None:
    assert source_digest("def (") == source_digest(b"def (")
    assert source_digest("def (") != source_digest("def ( # why")


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    for digest in (file_digest, code_digest):
        with pytest.raises(FileNotFoundError):
            digest(tmp_path / "lost.py")


def test_parts_are_digested_with_their_names() -> None:
    assert digest_of(a=1, b=2) == digest_of(b=2, a=1)
    assert digest_of(a=1, b=2) != digest_of(a=2, b=1)


HARD = r'''
def every(a, /, b=1, *c, d, e=2, **f):
    """All syntax of Python 3.11, and what later versions parse in another way."""
    async def inner(): return [x async for x in a if await x]
    match a:
        case {"k": [1, *rest], **others}: pass
        case every(b=2) | None: x = 1
        case str() as text if text: del x
    try: raise E from a
    except* (V, W) as group: ...
    else: global g
    finally: assert a, f"{a!r:>{b}} {c=} {d:} {e:%H:%M} {{}}" "plain" f"{f}"
    with open(a) as h, h: yield
    x: int = (y := 5) if not a else 1j ** -2
    return a[1:2, ..., ::3, *b], {**a, "b": b"\x00\xff"}, {*a}, (lambda *a, k=3: a)(*b, **c), "\ud800é", 9**9
'''
GOLDEN = "66810e7d38eb8bc5e73e860d0ad462b8681472e2b04eb7085a48fa1b39acf0a8"


def test_the_digest_of_all_syntax_is_the_stored_one() -> None:
    assert source_digest(HARD) == GOLDEN


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_gives_the_same_digests(version: str) -> None:
    """Of the toolkit's own files and of all syntax. A version that is not installed is skipped."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    files = [path for room in ("assignments", "graders", "reports") for path in sorted((ROOT / room).rglob("*.py"))]
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from assignments.digests import code_digest, source_digest\n"
        "print(source_digest(sys.stdin.read()), *(code_digest(Path(name)) for name in sys.argv[2:]), sep='\\n')"
    )
    done = subprocess.run(
        [python, "-I", "-B", "-X", "utf8", "-c", script, str(ROOT), *map(str, files)],
        input=HARD, capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.split() == [GOLDEN, *map(code_digest, files)]


def interpreter(version: str) -> str | None:
    """A Python of that version that starts; a shim of pyenv may name one that is not installed."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for name in filter(None, (shutil.which(f"python{version}"), *map(str, installed))):
        if subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0:
            return name
    return None
