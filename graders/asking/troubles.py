"""Turns a toolkit failure while marking one submission into a stored trouble: it withholds one mark, no more."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from assignments.errors import UserError
from graders.asking.journal import Journal
from graders.failures import DataFailure, InternalFailure, ToolkitFailure
from graders.record.documents import Trouble

TROUBLE_CHARACTERS = 8000
"""Characters of an exception that are stored."""


@dataclass
class FirstTrouble:
    """The first trouble of a piece of work; None while there is none."""

    trouble: Trouble | None = None


@contextmanager
def troubles(journal: Journal) -> Iterator[FirstTrouble]:
    """Store the first trouble of a piece of work instead of raising it: stages that were made before it stand.

    Where memory runs out, in any part of this process, the present question used it up: the journal gives up.
    """
    first = FirstTrouble()
    try:
        try:
            yield first
        except MemoryError:
            journal.give_up()
    except ToolkitFailure as failure:
        first.trouble = Trouble(failure.reason, str(failure)[:TROUBLE_CHARACTERS])
    except UserError as error:  # such as a data folder that is missing: the message says what and where
        first.trouble = Trouble(DataFailure.reason, str(error)[:TROUBLE_CHARACTERS])
    except Exception:  # noqa: BLE001 - a defect of medmark
        first.trouble = Trouble(InternalFailure.reason, traceback.format_exc()[-TROUBLE_CHARACTERS:])
