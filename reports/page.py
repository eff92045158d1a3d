"""Renders a template as a self-contained HTML page: every value is escaped here, and nowhere else.

A page loads nothing: its policy allows its own styles, and a script only by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.comment_markup import markdown
from reports.numbers import duration, fixed, local_day, number
from reports.sentences import count_of, lost
from reports.terminal import UNSAFE

TEMPLATES: Final = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """The page of `template`. Strings are data: escaped, and without invisible characters."""
    return _environment().get_template(template).render(**values)


def policy(script: str = "") -> str:
    """The content security policy of a page whose only script is `script`."""
    allowed = ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed = f"script-src 'sha256-{digest}'; "
    return f"default-src 'none'; {allowed}style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def sort_script() -> Markup:
    """The script that sorts a page's table with the id `board`: medmark's own, so it is not escaped."""
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    return Markup(script)


def prose(text: str) -> Markup:
    """Text in which `backticks` mark code, as in docstrings."""
    parts = re.split(r"`([^`\n]+)`", _shown(text))
    pieces = [Markup("<code>%s</code>") % part if i % 2 else escape(part) for i, part in enumerate(parts)]
    return Markup("").join(pieces)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: _shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {
        "number": number,
        "fixed": fixed,
        "duration": duration,
        "local_day": local_day,
        "prose": prose,
        "markdown": markdown,
    }
    environment.filters.update(filters | {"count_of": count_of, "lost": lost})
    return environment


def _shown(text: str) -> str:
    """The text with a visible mark for each invisible character."""
    return UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))
