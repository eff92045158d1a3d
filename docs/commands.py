"""Writes docs/commands.md from the command line's own help: python docs/commands.py > docs/commands.md

A test compares the two, so a page that is out of date is a failing test.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD = """\
# Commands

Made by `python docs/commands.py > docs/commands.md` from the help of the commands; a test compares the two.

Inside the course's folder you may leave out `--course`. Progress goes to stderr, results to stdout, so
`medmark grade ... --json > marks.json` writes only JSON. `medmark --version` prints the version.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something did not pass (a test, a rehearsal, a check of this machine), could not be read, or was not applied |
| 2 | a mistake that the person at the keyboard can correct; the message says where and how |
| 3 | a failure of medmark or of the machine, such as a mark that had to be withheld |
| 130 | stopped by Ctrl-C; the same command continues where it stopped |

A traceback is a defect of medmark: please report it.
"""


def page() -> str:
    """The whole page."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from typer.main import get_command

    import cli

    parts = [HEAD]
    for words, command in leaves(get_command(cli.app), ("medmark",)):
        parts.append("\n".join(_section(words, command)))
    return "\n".join(parts)


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that can be run, with the words to type."""
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, (*words, name))


def _section(words: tuple[str, ...], command: Any) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and param.name != "help"]
    usage = [name if param.required else f"[{name}]" for param in arguments for name in [_metavar(param)]]
    yield f"## `{' '.join(words)}`\n"
    yield f"    {' '.join([*words, *usage, *(['[OPTIONS]'] if options else [])])}\n"
    yield inspect.cleandoc(command.help) + "\n"
    if not command.params:
        return
    yield "| | | default |\n|---|---|---|"
    for param in (*arguments, *options):
        names = [_metavar(param)] if param in arguments else [*param.opts, *param.secondary_opts]
        takes = "" if param in arguments or getattr(param, "is_flag", False) else f" {_metavar(param)}"
        # The longer name first, as in a script.
        named = ", ".join(f"`{name}{takes}`" for name in sorted(names, key=len, reverse=True))
        yield f"| {named} | {param.help} | {_default(param)} |"
    yield ""


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _default(param: Any) -> str:
    if param.required:
        return "must be given"
    value = param.default
    return "" if value in (None, False, ()) or callable(value) else f"`{value}`"


if __name__ == "__main__":
    print(page(), end="")
