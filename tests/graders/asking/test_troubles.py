"""Every toolkit failure becomes a trouble with the right reason; Ctrl-C and a marker that gives up pass through."""

import pytest

from assignments.errors import UserError
from graders.asking.journal import Silent
from graders.asking.troubles import troubles
from graders.failures import EngineFailure
from graders.record.documents import Trouble


@pytest.mark.parametrize(("raised", "trouble"), [
    (EngineFailure("no room"), Trouble("engine", "no room")),
    (UserError("data/: no such folder. Put the cases there."),
     Trouble("data", "data/: no such folder. Put the cases there.")),
    (MemoryError(), Trouble("internal", "this machine is out of memory")),
])  # fmt: skip
def test_what_is_raised_becomes_a_trouble_in_its_own_words(raised, trouble):
    with troubles(Silent()) as first:
        raise raised
    assert first.trouble == trouble


def test_a_defect_is_internal_and_keeps_where_it_happened():
    with troubles(Silent()) as first:
        raise ZeroDivisionError("a defect")
    assert first.trouble.reason == "internal"
    assert first.trouble.evidence.endswith("ZeroDivisionError: a defect\n")


def test_work_without_trouble_has_none():
    with troubles(Silent()) as first:
        pass
    assert first.trouble is None


def test_memory_that_ends_makes_a_marker_give_up():
    class Marker(Silent):
        def give_up(self):
            raise SystemExit(77)

    with pytest.raises(SystemExit), troubles(Marker()):
        raise MemoryError


def test_ctrl_c_goes_through():
    with pytest.raises(KeyboardInterrupt), troubles(Silent()):
        raise KeyboardInterrupt
