"""Runs a notebook from top to bottom, and writes it with its outputs: python tests/run_notebook.py IN OUT

An error ends a cell, and the next one runs. It is a program of its own, because a client of kernels leaves sockets
open, which are errors in a test. The kernel runs this very interpreter.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbclient
import nbformat
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client.manager import AsyncKernelManager


def main(source: Path, target: Path) -> None:
    book = nbformat.read(source, 4)
    manager = AsyncKernelManager()
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv = make_ipkernel_cmd(executable=sys.executable)
    nbclient.NotebookClient(book, km=manager, timeout=600, allow_errors=True).execute(cwd=str(target.parent))
    nbformat.write(book, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
