"""A double of Classroom 50's tools, from its source: what they make of a `scores.json`.

foundation50/classroom50: schemas/scores-v1.schema.json (what a file may hold), web/src/hooks/useGetScores.ts (the
score that a page shows), collect_scores.py (what the next collection leaves alone), scoreOverride.ts (what remains when
a teacher clears a score).
"""

import copy
import json
import re

TIME = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,99}")
REQUIRED = {
    "schema", "classroom", "assignment_type", "owner", "submission", "commit", "release", "review", "datetime",
    "score", "max-score", "tests",
}  # fmt: skip


def record(owner, score, maximum=20, at="2026-11-19T10:00:00Z", classroom="dl-2027", mode="individual"):
    """A submission as the collection stores it."""
    tag = f"submit/{at.replace(':', '-')}-1a2b3c4"
    link = f"https://github.com/dl/{classroom}-unet-{owner}"
    return {
        "schema": "classroom50/result/v1",
        "classroom": classroom,
        "assignment_type": mode,
        "owner": owner,
        "submission": tag,
        "commit": f"{link}/commit/1a2b3c4",
        "release": f"{link}/releases/tag/{tag}",
        "review": f"{link}/compare/a...b",
        "datetime": at,
        "score": score,
        "max-score": maximum,
        "tests": [{"test-name": "compiles ✓", "passed": True, "score": score, "max-score": maximum}],
        "late": False,
    }


def entry(owner, *records, **more):
    return {"owner": owner, **more, "submissions": list(records)}


def gradebook(*entries, slug="prostate-unet", mode="individual", others=None, collected_at="2026-11-21T08:00:00Z"):
    """A classroom's file with this assignment, and another."""
    bucket = {"type": mode, "entries": list(entries), "collected_at": collected_at}
    if not collected_at:
        del bucket["collected_at"]
    hello = {"type": "individual", "entries": [entry("octo", record("octo", 3, 3))]}
    return {"schema": "classroom50/scores/v1", "assignments": {"hello": hello, slug: bucket, **(others or {})}}


def by_the_collection(document):
    """The file as collect_scores.py writes it."""
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def by_the_web_app(document):
    """The file as the web app writes it: letters are not escaped."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def check(data):
    """Hold a file against the schema, and the rules that it says the code enforces."""
    document = json.loads(data)
    assert set(document) == {"schema", "assignments"}
    assert document["schema"] == "classroom50/scores/v1"
    for slug, bucket in document["assignments"].items():
        assert SLUG.fullmatch(slug)
        assert {"type", "entries"} <= set(bucket) <= {"type", "entries", "collected_at", "detected"}
        assert bucket["type"] in ("individual", "group", "team")
        owners = [each["owner"].lower() for each in bucket["entries"]]
        assert len(set(owners)) == len(owners)
        for each in bucket["entries"]:
            assert each["submissions"], "an entry has at least one submission"
            assert type(each.get("override", False)) is bool
            for one in each["submissions"]:
                assert set(one) >= REQUIRED
                assert one["schema"] == "classroom50/result/v1"
                assert one["submission"].startswith("submit/")
                assert TIME.fullmatch(one["datetime"])
                assert one["assignment_type"] == bucket["type"]
                assert all(
                    one[key] and isinstance(one[key], str) for key in ("classroom", "commit", "release", "review")
                )
                assert type(one["score"]) is int
                assert type(one["max-score"]) is int
                assert 0 <= one["score"] <= one["max-score"]
    return document


def shown(data, slug="prostate-unet"):
    """By owner: the score and its maximum that a page shows, those of the newest submission; and who gets it."""
    rows = {}
    for each in check(data)["assignments"][slug]["entries"]:
        newest = sorted(each["submissions"], key=lambda one: one["datetime"], reverse=True)[0]
        rows[each["owner"]] = (
            newest["score"],
            newest["max-score"],
            tuple(each.get("member_usernames") or [each["owner"]]),
        )
    return rows


def collected(data, *entries, slug="prostate-unet"):
    """The file after a collection found these entries: one with a teacher's score stays as it is."""
    document = copy.deepcopy(json.loads(data))
    bucket = document["assignments"][slug]["entries"]
    at = {each["owner"].lower(): index for index, each in enumerate(bucket)}
    for new in entries:
        index = at.get(new["owner"].lower())
        if index is None:
            bucket.append(new)
        elif bucket[index].get("override") is not True:
            bucket[index] = new
    return by_the_collection(document)


def cleared(data, owner, slug="prostate-unet"):
    """The file after a teacher cleared a score: what was collected is shown again."""
    document = copy.deepcopy(json.loads(data))
    bucket = document["assignments"][slug]
    for each in list(bucket["entries"]):
        if each["owner"].lower() == owner.lower():
            each["submissions"] = [
                one for one in each["submissions"] if not one["submission"].startswith("submit/manual-")
            ]
            each.pop("override", None)
            if not each["submissions"]:
                bucket["entries"].remove(each)
    return by_the_web_app(document)
