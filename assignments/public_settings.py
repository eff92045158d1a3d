"""The text of `assignment.toml` as students get it: it does not say where patients lie, or how they were split.

Comments and layout stay, because the file is meant to be read.
"""

from __future__ import annotations

from typing import Final

from assignments.errors import UserError
from assignments.toml_edits import with_value

PRIVATE: Final = ("path", "split", "split_seed", "permission")
"""Keys of `[data]` that stay behind."""


def public_settings(text: str) -> str:
    """The text without the private keys, and without the comments that stand right above them.

    Raises:
        UserError: a private key does not stand on lines of its own.
    """
    for key in PRIVATE:
        shorter = with_value(text, ("data", key), None)
        if shorter is None:
            raise UserError(
                f"assignment.toml [data]: {key} is not handed out, but does not stand on a line of its own. Write "
                "[data] as a table, with one key on a line."
            )
        text = shorter
    return text
