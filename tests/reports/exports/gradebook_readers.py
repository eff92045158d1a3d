"""Doubles of the readers of Brightspace and Blackboard, from their documents: the grades that an upload would set.

Brightspace: "Importing grades", community.d2l.com, article 3538. Blackboard: "Working Offline with Grade Data". What
these do not say, such as what a blank cell does to a grade, is not here: a blank sets nothing.
"""

import csv
import io
import re


class RefusedError(Exception):
    """The platform would not take the file."""


def brightspace(data, maxima):
    """By item and OrgDefinedId, or user name: the points after an import, at most the item's maximum."""
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    if header[-1] != "End-of-Line Indicator" or any(row[-1] != "#" for row in rows):
        raise RefusedError("no end-of-line indicator")
    keys = [at for at, heading in enumerate(header) if heading in ("OrgDefinedId", "Username")]
    if not keys:
        raise RefusedError("no key")
    grades = {}
    for at, heading in enumerate(header):
        if at in keys or " Points Grade" not in heading:
            continue
        item = heading.partition(" Points Grade")[0]
        for row in rows:
            if row[at]:
                grades[item, row[keys[0]].removeprefix("#")] = min(float(row[at]), maxima.get(item, 0))
    return grades


def blackboard(data):
    """By number of the column and user name: the grade after an upload; a column without a number becomes a new one."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in text else ",")
    if "Username" not in header:
        raise RefusedError("no Username")
    name = header.index("Username")
    grades = {}
    for at, heading in enumerate(header):
        if heading in ("Last Name", "First Name", "Username", "Student ID", "Last Access", "Availability"):
            continue
        number = re.search(r"\|(\d+)$", heading)
        for row in rows:
            if row[at]:
                grades[number[1] if number else f"new text column {heading}", row[name]] = row[at]
    return grades
