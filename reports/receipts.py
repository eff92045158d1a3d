"""The result of a collection: one line a group and a summary. The whole receipt is `Receipt.text`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reports.terminal import fitted, quantity, terminal_text

if TYPE_CHECKING:  # the intake opens Git, which a line of text does not need
    from graders.intake.collect import Receipt


def receipt_lines(receipts: Sequence[Receipt]) -> Iterator[str]:
    """The group, its tip now, and whether it counts so far; then the numbers of problems and later tips."""
    width = max((len(terminal_text(receipt.group)) for receipt in receipts), default=0)
    for receipt in receipts:
        tip = receipt.commit[:10] if receipt.commit else _NOTHING.get(receipt.how, receipt.how)
        remarks = [quantity(len(receipt.problems), "problem")] if receipt.problems else []
        remarks += [quantity(len(receipt.counting.later_tips), "later tip")] if receipt.counting.later_tips else []
        parts = [fitted(terminal_text(receipt.group), min(width, 18)), f"{tip:13}", _counts(receipt), *remarks]
        yield "  ".join(part for part in parts if part).rstrip()


def summary_line(receipts: Sequence[Receipt]) -> str:
    """How many repositories were read, and which were not; a reason that several share stands once."""
    unread: dict[str, list[str]] = {}
    for receipt in receipts:
        if receipt.unread:
            unread.setdefault(receipt.unread, []).append(receipt.group)
    aside = sum(receipt.counting.state == "set aside" for receipt in receipts)
    failed = sum(map(len, unread.values()))
    text = f"{len(receipts) - failed - aside} of {len(receipts)} seen"
    text += f"; {aside} set aside by the roster" if aside else ""
    if failed:
        text += f"; {failed} could not be read: "
        text += "; ".join(f"{', '.join(groups)} ({why})" for why, groups in unread.items())
    return terminal_text(text)


def needs_a_person(receipts: Sequence[Receipt]) -> Iterator[str]:
    """The problems that only a person can resolve; nothing if all is well."""
    if any(receipt.unread for receipt in receipts):
        yield summary_line(receipts)
    waiting = [receipt for receipt in receipts if receipt.counting.state == "waits for a person"]
    for why in dict.fromkeys(receipt.counting.reason for receipt in waiting):
        groups = ", ".join(receipt.group for receipt in waiting if receipt.counting.reason == why)
        yield terminal_text(f"{groups}: {why}")


def _counts(receipt: Receipt) -> str:
    counts = receipt.counting
    if counts.state == "provisional":
        return "counts so far" if counts.commit else "nothing yet"
    if counts.state == "counts" and counts.commit != receipt.commit:
        return f"counts: {str(counts.commit)[:10]}"
    return counts.state


_NOTHING = {"unreachable": "not read", "no_branch": "no branch"}
