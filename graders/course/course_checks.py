"""Checks course.toml beyond the types of its values: deadlines, late policies, tokens and staff."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from assignments.errors import Problem, nearest
from assignments.toml_errors import Document, TomlErrors
from graders.course.late_policy import bank_holidays, read_policy
from graders.course.roster_addresses import pattern_problem
from graders.course.working_days import clock_problem


def value_problems(document: Document, folder: Path) -> list[Problem]:
    """Every such problem of the course in `folder`."""
    return [
        *_time_problems(document),
        *_token_problems(document),
        *_staff_problems(document),
        *_late_problems(document, folder),
        *roster_setting_problems(document),
    ]


def _time_problems(document: Document) -> list[Problem]:
    """An unknown timezone, and deadlines that the clocks show twice or never."""
    name = document.values.get("timezone", "Europe/London")
    if not isinstance(name, str):
        return []
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        cure = hint if hint.startswith("did") else 'write it as "Europe/London"'
        return [document.problem(("timezone",), f'there is no timezone "{name}"', cure)]
    return [
        document.problem(("assignments", id, "deadline"), what, "")
        for id, settings in _tables(document)
        if isinstance(deadline := settings.get("deadline"), datetime) and (what := clock_problem(deadline, zone.key))
    ]


def _late_problems(document: Document, folder: Path) -> list[Problem]:
    """Late policies that are missing or wrong, or whose bank holidays do not cover a deadline."""
    policies, problems = {}, []
    own = [(("assignments", id, "late_policy"), settings.get("late_policy")) for id, settings in _tables(document)]
    for where, named in [(("late_policy",), document.values.get("late_policy", "none")), *own]:
        if not isinstance(named, str):
            continue
        try:
            policies[where] = read_policy(named, folder)
        except TomlErrors as error:
            line, key, file = document.line_of(where), ".".join(where), str(document.path)
            problems += [Problem(p.file, key, line, p.what, p.cure) if p.file == file else p for p in error.problems]
    years = bank_holidays()[0]
    for id, settings in _tables(document):
        policy = policies.get(("assignments", id, "late_policy"), policies.get(("late_policy",)))
        deadline = settings.get("deadline")
        counted = policy is not None and policy.counts_working_days and policy.bank_holidays is None
        if counted and isinstance(deadline, datetime) and deadline.year not in years:
            what = f"medmark knows the bank holidays of {years[0]} to {years[-1]}, not those of {deadline.year}"
            cure = "write a late policy of your own, with bank_holidays"
            problems.append(document.problem(("assignments", id, "deadline"), what, cure))
    return problems


def _tables(document: Document) -> list[tuple[str, dict[str, Any]]]:
    """The tables of assignments; a value that is not a table is left out."""
    assignments = document.values.get("assignments")
    entries = assignments.items() if isinstance(assignments, dict) else ()
    return [(id, settings) for id, settings in entries if isinstance(settings, dict)]


def _staff_problems(document: Document) -> list[Problem]:
    """Accounts of the machine: a decision needs a person who made it."""
    staff = document.values.get("staff")
    cure = 'name people, as ucabxyz = "Ada Byron"'
    return [
        document.problem(("staff", login), "is an account of the machine, not a person", cure)
        for login in (staff if isinstance(staff, dict) else ())
        if login == "root" or login.isdigit()
    ]


def roster_setting_problems(document: Document) -> list[Problem]:
    """A pattern of addresses that gives none."""
    roster, access = document.values.get("roster"), document.values.get("access")
    pattern = roster.get("repository") if isinstance(roster, dict) else None
    allow_file = isinstance(access, dict) and access.get("allow_file") is True
    wrong = pattern_problem(pattern, allow_file) if isinstance(pattern, str) else None
    if wrong is None:
        return []
    what, _, cure = wrong.partition("; ")
    return [document.problem(("roster", "repository"), what, cure)]


def _token_problems(document: Document) -> list[Problem]:
    access = document.values.get("access")
    tokens = access.get("token_env") if isinstance(access, dict) else None
    problems = []
    for host, name in tokens.items() if isinstance(tokens, dict) else ():
        where = ("access", "token_env", host)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?", host):
            problems.append(document.problem(where, "is not a host", 'write it as "github.com" = "GITHUB_TOKEN"'))
        if isinstance(name, str) and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            # The value is not shown: it may be the token itself.
            what = "is not the name of an environment variable"
            cure = "keep the token in the environment and write the variable's name here"
            problems.append(document.problem(where, what, cure))
    return problems
