"""Reads results that medmark stored before they had a schema number, and gives them today's form.

They held sentences beside their parts, and reasons were sentences too. Only this module reads from a sentence what
nothing else holds: a line, an exception's name, how many cases there were.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

NO_SCHEMA: Final = 0
"""The schema of a result that names none."""

REASON_OF_SENTENCE: Final[Mapping[str, str]] = {
    "the function or class asked for is not in solution.py": "missing_function",
    "solution.py could not be imported": "import_failed",
    "the call raised an exception": "raised",
    "the CPU time limit was reached": "cpu_limit",
    "the time limit was reached while waiting": "wall_limit",
    "the memory limit was reached": "memory_limit",
    "the GPU's memory was used up": "gpu_memory",
    "the answer has the wrong type": "wrong_type",
    "the answer has the wrong shape": "wrong_shape",
    "the answer lies outside its range": "out_of_range",
    "the answer holds NaN or infinity": "not_finite",
    "the answer holds labels that do not exist": "wrong_labels",
    "the model is not one of PyTorch's or TensorFlow's and cannot be looked into": "not_probed",
    "the answer is too large": "reply_too_large",
    "the process that should answer ended": "process_ended",
    "the answer could not be read": "protocol_violation",
    "the reply could not be used": "not_usable",
    "what was handed in cannot be run": "not_accepted",
    "the answer is not the expected one": "wrong_answer",
    "the test did not run": "not_run",
    "the check did not run": "not_run",
    "the time limit was reached on a busy machine": "busy",
    "its answers are not known": "answers_unknown",
}
"""The sentence that was stored as a reason -> its word in `graders.failures`. It never grows."""

_RAISED = re.compile(r"^(?:\w+|\d+ cases): (?:\w+\.)*(\w+: .+)$", re.M)
"""`Raised: builtins.ValueError: of the test`, as evidence begins."""
_FUNCTION = re.compile(r"in (fit|load): ")
_SCORE_FIELDS = ("metric", "score", "repeats", "combine", "interval", "cases")
_SCORE_FIELDS_ADDED = ("better", "unit", "subjects", "classes", "bootstrap_seed", "drawn", "placements")
"""Earlier ones lack these."""


def upgraded(kind: str, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a stage in today's form; `plain` is what was stored.

    Raises:
        KeyError, TypeError, AttributeError: it does not have the former form.
    """
    return {"test": _test, "answers": _answers, "score": _score}[kind](plain)


def _test(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {**_common(plain), **_present(plain, ("cpu_s", "wall_s", "flags")), "names_used": plain.get("asked", [])}


def _answers(plain: Mapping[str, Any]) -> dict[str, Any]:
    states = [state and _cause(state["reason"], state["told"]) for state in plain.get("states", [])]
    names = ("file", "cpu_s", "wall_s", "peak_mb", "flags")
    return {**_common(plain), **_present(plain, names), "states": states}


def _score(plain: Mapping[str, Any]) -> dict[str, Any]:
    common = _common(plain)
    if plain["verdict"] != "passed":
        return common
    sentence = plain["told"]
    if common["cause"] is not None:
        common["cause"] = {"reason": common["cause"]["reason"]}
    explained = plain.get("explained")
    return {
        **common,
        "measured": _measured(plain, sentence),
        "also": {name: _measured(also, sentence) for name, also in plain.get("also", {}).items()},
        "failed": _failed(plain["cases"], sentence),
        "explained": None if explained is None else _explained(explained),
    }


def _common(plain: Mapping[str, Any]) -> dict[str, Any]:
    passed = plain["verdict"] == "passed" and plain["reason"] is None
    evidence = plain.get("evidence", "")
    raised = _RAISED.search(evidence)
    return {
        "verdict": plain["verdict"],
        "cause": None if passed else _cause(plain["reason"], plain.get("told", "")),
        "cause_detail": raised[1] if raised else "",
        "evidence": evidence,
    }


def _present(plain: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: plain[name] for name in names if name in plain}


def _cause(reason: str, sentence: str) -> dict[str, Any]:
    """`in fit: the call raised an exception (ValueError), at solution.py:12`, taken apart."""
    began = _FUNCTION.match(sentence)
    rest = sentence[began.end() :] if began else sentence
    parts = re.fullmatch(re.escape(reason) + r"(?: \((?P<kind>.*?)\))?(?:, at (?P<line>.+))?", rest)
    return {
        "reason": REASON_OF_SENTENCE.get(reason, reason),
        "kind": parts and parts["kind"],
        "line": parts and parts["line"],
        "function": began and began[1],
    }


def _measured(plain: Mapping[str, Any], sentence: str) -> dict[str, Any]:
    cases = [
        {**case, "reason": case["reason"] and REASON_OF_SENTENCE.get(case["reason"], case["reason"])}
        for case in plain["cases"]
    ]
    return {
        **{name: plain[name] for name in _SCORE_FIELDS},
        **_present(plain, _SCORE_FIELDS_ADDED),
        "cases": cases,
        "false_positives": {"count": plain["false_positives"]["found"], "of": plain["false_positives"]["of"]},
        "case_count": plain.get("asked", _case_count(plain, sentence)),
    }


def _case_count(plain: Mapping[str, Any], sentence: str) -> int | None:
    """All cases are listed if any was scored; else the sentence says how many each repeat had."""
    if any(case["state"] == "scored" for case in plain["cases"]):
        return len(plain["cases"])
    match = re.search(r" on (\d+) hidden cases", sentence)
    return int(match[1]) * len(plain["repeats"]) if match else None


def _failed(cases: list[Mapping[str, Any]], sentence: str) -> list[dict[str, Any]]:
    """Why cases failed; the sentence has kind and place if they were the same in all cases."""
    counted = Counter(case["reason"] for case in cases if case["state"] == "failed")
    failed = []
    for reason, count in counted.most_common():
        entry = re.search(rf"(?<=: |; )((?:in (?:fit|load): )?{re.escape(reason)}[^;]*?) \({count}\)[;.]", sentence)
        failed.append({"cause": _cause(reason, entry[1] if entry else reason), "count": count})
    return failed


def _explained(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The sentence began with what the answers show; then came the condition for a better score."""
    sentence = plain["told"]
    better = re.search(
        r"(?:^| )\S+ -?[\d.]+; -?[\d.]+ if (?P<mistake>.+?)\.(?: Tried on \d+ cases\.)? The points are", sentence
    )
    seen = sentence[: better.start()] if better else sentence
    return {
        "kind": plain["kind"],
        "seen": {"name": "as_written", "values": [seen]} if seen else None,
        "mistake": {"name": "as_written", "values": [better["mistake"]]} if better else None,
        **_present(plain, ("score", "fixed", "cases", "evidence")),
    }
