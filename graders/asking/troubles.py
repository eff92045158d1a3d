"""What the toolkit fails in while it marks one submission, in words: it withholds one mark and ends nothing else."""

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
"""Characters that are kept of what was raised."""


@dataclass
class Kept:
    """The first trouble of a piece of work; None while there is none."""

    trouble: Trouble | None = None


@contextmanager
def troubles(journal: Journal) -> Iterator[Kept]:
    """A piece of work whose troubles are kept instead of raised: what was found before them stands.

    Memory that ends is the present question's doing, wherever in this process it ended: the journal gives up.
    """
    kept = Kept()
    try:
        try:
            yield kept
        except MemoryError:
            journal.give_up()
    except ToolkitFailure as failure:
        kept.trouble = Trouble(failure.reason, str(failure)[:TROUBLE_CHARACTERS])
    except UserError as error:  # such as a data folder that is not there: the words say what and where
        kept.trouble = Trouble(DataFailure.reason, str(error)[:TROUBLE_CHARACTERS])
    except Exception:  # noqa: BLE001 - a defect of ours
        kept.trouble = Trouble(InternalFailure.reason, traceback.format_exc()[-TROUBLE_CHARACTERS:])
