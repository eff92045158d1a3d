"""What a student reads where a cell needs a function that is still a stub."""

from __future__ import annotations

import sys

import pytest

from reports.unwritten import explain_unwritten

INTERFACE = "def dice(a: float) -> float: ...\n\n\ndef loss(a: float) -> float: ...\n"


class Shell:
    """IPython's part: it calls the handler for a cell's exception, or shows the traceback."""

    def __init__(self):
        self.user_ns = {"MEDMARK": {"interface": INTERFACE}}
        self.tracebacks = []
        explain_unwritten(self)

    def set_custom_exc(self, kinds, handler):
        self.kinds, self.handler = kinds, handler

    def showtraceback(self, error, tb_offset=None):
        self.tracebacks.append(error[0])

    def run(self, cell):
        try:
            cell()
        except self.kinds:
            self.handler(self, *sys.exc_info(), tb_offset=1)


def dice(a):
    raise NotImplementedError


def given_code():
    return dice(1.0)


def in_a_graph():
    raise NotImplementedError(
        "in user code:\n\n    File cell 4, line 3, in step  *\n    File cell 2, line 3, in loss  *\n"
    )


def undefined():
    return prob


def of_a_framework():
    raise NotImplementedError("no kernel for this dtype")


@pytest.mark.parametrize(("cell", "name"), [(given_code, "dice"), (in_a_graph, "loss")])
def test_a_stub_is_named_however_deep_the_call_is(cell, name, capsys):
    shell = Shell()
    shell.run(cell)
    assert capsys.readouterr().out.startswith(f"{name} is not written yet, and this cell needs it.")
    assert shell.tracebacks == []


def test_what_a_stopped_cell_would_have_made_is_named_with_the_stub(capsys):
    shell = Shell()
    shell.run(given_code)
    capsys.readouterr()
    shell.run(undefined)
    assert capsys.readouterr().out == (
        "prob is missing: a cell above stopped, as dice was not written. Run that cell again.\n"
    )


@pytest.mark.parametrize(("cell", "kind"), [(undefined, NameError), (of_a_framework, NotImplementedError)])
def test_any_other_error_keeps_its_traceback(cell, kind, capsys):
    shell = Shell()
    shell.run(cell)
    assert shell.tracebacks == [kind]
    assert capsys.readouterr().out == ""
