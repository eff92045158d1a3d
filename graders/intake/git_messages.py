"""Reads from git's messages why it failed and whose fault that is: a sentence for the group, with the cure."""

from __future__ import annotations

import re

_FRESH = "copy your files into a fresh repository, commit and push"
ACCESS_REFUSED = "access was refused: give the marker read access to the repository"
NO_REPOSITORY = "there is no repository at this address, or the marker may not read it: check the address in the roster"
NO_ANSWER = "the host did not answer"
UNREADABLE = "git could not read the repository"
"""Where git's message has no cause that is listed here."""
_CAUSES = (
    (
        r"out of memory|cannot allocate memory|mmap failed",
        "reading the repository takes more memory than the marker allows: remove large files from its history",
    ),
    (
        r"could not read Username|Authentication failed|HTTP Basic|error: 40[13]|Permission denied \(|"
        r"terminal prompts disabled|unable to read askpass",
        ACCESS_REFUSED,
    ),
    (
        r"not found|does not appear to be a git repository|error: 404|does not exist",
        NO_REPOSITORY,
    ),
    (
        r"unable to update url base from redirection|redirect|error: 30\d",
        "the repository has moved: put its new address into the roster",
    ),
    (
        r"Could not resolve|Connection (refused|timed out|reset)|Failed to connect|Network is unreachable|"
        r"timed out|early EOF|error: 5\d\d|Connection closed|unexpected disconnect",
        NO_ANSWER,
    ),
    (r"Host key verification failed", "the marker does not know the host's key: ask the course's staff"),
    (r"transport '\w+' not allowed", "this course does not allow this kind of address"),
    (r"No space left on device", "the marker's disk is full"),
    (
        r"not our ref|did not send all necessary|did not receive expected|corruption on the remote|bad pack header",
        "the host names a commit but does not deliver all of it: push again from a complete clone",
    ),
    (
        r"fsck error|error: object [0-9a-f]{40}: |is corrupt|bad object|invalid index-pack",
        f"the repository's history is malformed (git fsck shows where): {_FRESH}",
    ),
)
_GROUP_AT_FAULT = re.compile(
    r"error: object [0-9a-f]{40}: |fsck error|pack has bad object|pack is corrupted|unresolved deltas|not our ref|"
    r"did not send all necessary|did not receive expected|corruption on the remote|"
    r"bad pack header"
)
_TOOLKIT_AT_FAULT = re.compile(
    r"memory|mmap failed|No space left|quota|[Rr]ead-only|Permission denied|Input/output error|write error|"
    r"unable to (create|write)|cannot (create|write|store)|timed out|Connection"
)
"""Failures of the marker's machine or of the network, after which git also calls the fetched objects incomplete."""
_DEFECTS = {
    **dict.fromkeys(("hasDot", "hasDotdot", "hasDotgit"), "holds a file named ., .. or .git"),
    **dict.fromkeys(("fullPathname", "emptyName"), "holds a file whose name is a path, or nothing"),
    **dict.fromkeys(("duplicateEntries", "treeNotSorted"), "lists files twice, or in no order"),
    "nullSha1": "names a file by an id of zeros",
    "badTree": "is not a tree that Git can read",
    **dict.fromkeys(("missingAuthor", "missingCommitter", "missingTree"), "is a commit without author, date or files"),
    **dict.fromkeys(("gitmodulesSymlink", "gitmodulesName", "gitmodulesUrl", "gitmodulesPath", "gitmodulesUpdate"),
                    "is a .gitmodules file that Git refuses to follow"),
}  # fmt: skip
"""git fsck's name of a defect, and its description: git's own message may hold text of the group."""


def feedback_on(messages: str) -> str:
    """Why git failed and what the group can do, in medmark's own words."""
    named = re.search(r"error: (?:object )?([0-9a-f]{40}): (\w+):", messages)
    if named and named[2] in _DEFECTS:
        what = f"object {named[1]} {_DEFECTS[named[2]]}"
        return f"the repository's history is malformed (git fsck shows where: {what}): {_FRESH}"
    for pattern, feedback in _CAUSES:
        if re.search(pattern, messages, re.IGNORECASE):
            return feedback
    return UNREADABLE


def is_group_at_fault(messages: str) -> bool:
    """Whether the cause is in the group's repository or on its host, so that a retry changes nothing."""
    local = "; ".join(message for message in messages.split("; ") if not message.startswith("remote:"))
    return bool(_GROUP_AT_FAULT.search(messages)) and not _TOOLKIT_AT_FAULT.search(local)
