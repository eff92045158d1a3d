"""Says in a sentence that a cell of a notebook needs a function that its student has still to write.

It runs in the student's own notebook, whose kernel calls it for two kinds of exceptions. All others, and those of these
kinds that have another cause, keep their tracebacks.
"""

from __future__ import annotations

import ast
import re
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from assignments.notebook import CARRIED


class NotebookShell(Protocol):
    """The part of IPython's shell that is used."""

    user_ns: Mapping[str, Any]
    """The notebook's names."""

    def set_custom_exc(self, kinds: tuple[type[BaseException], ...], handler: Any) -> None:
        """Call the handler with the shell for each exception of these kinds that ends a cell."""

    def showtraceback(self, error: tuple[Any, Any, Any], *, tb_offset: int | None = None) -> None:
        """Show an exception as ever."""


def explain_unwritten(shell: NotebookShell) -> None:
    """From now on, a cell that calls a function which is still a stub ends with a sentence, and names it.

    So does a cell after it, which needs what such a cell would have computed.
    """
    stopped: list[str] = []

    def explain(
        shell: NotebookShell,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType,
        tb_offset: int | None = None,
    ) -> None:
        name = _stub(shell.user_ns, error, trace) if isinstance(error, NotImplementedError) else None
        if name is not None:
            stopped.append(name)
            print(
                f"{name} is not written yet, and this cell needs it. Write it in its cell above, then run both again."
            )
        elif isinstance(error, NameError) and stopped:
            print(
                f"{error.name} is missing: a cell above stopped, as {stopped[-1]} was not written. Run that cell again."
            )
        else:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    shell.set_custom_exc((NotImplementedError, NameError), explain)


def _stub(names: Mapping[str, Any], error: BaseException, trace: TracebackType) -> str | None:
    """The function of the interface in which the exception was raised; None where it was another one."""
    declared = {node.name for node in ast.parse(names[CARRIED]["interface"]).body if isinstance(node, ast.FunctionDef)}
    frames = [frame.name for frame in traceback.extract_tb(trace)]
    within_graph = re.findall(r"\bin (\w+)", str(error))  # TensorFlow raises it again, and keeps the frames as text
    return next((name for name in reversed([*frames, *within_graph]) if name in declared), None)
