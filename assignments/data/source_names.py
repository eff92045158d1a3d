"""The names of sources in `assignment.toml`. Nothing is imported or read here, so that every check may ask."""

from __future__ import annotations

ENDLESS = "draw(n, rng) -> dict of arrays with a leading N, for a generator that draws any number of cases"
FINITE = "open(path), subjects(opened) and load(opened, subject), for a folder of subjects that medmark splits"
EXAMPLE = 'ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}'


def is_own(name: str) -> bool:
    """Whether a source is a file of an author's own, in today's form or that of an earlier medmark."""
    return name.endswith(".py") or ".py:" in name


def old_name(name: str) -> tuple[str, str]:
    """What is wrong with `source = "file.py:function"`, and the cure: it was called for training and hidden cases."""
    file, _, function = name.partition(":")
    return (
        f'"{name}" is of an earlier medmark, which called {function}(n, rng) twice: from a folder of patients, the '
        "same ones came into training and hidden cases",
        f'write source = "{file}", and in {file} from assignments.data.source import Axes, Subject; {EXAMPLE} with the '
        f"arrays that it has; and {ENDLESS} (rename {function} to draw); or {FINITE}",
    )
