"""`medmark collect --folder` as a person types it, from a download of Moodle to a mark."""

from __future__ import annotations

import re

from tests.small_course import SOUND, medmark, write_course


def test_a_download_of_moodle_is_collected_accepted_and_marked(tmp_path):
    course = write_course(tmp_path / "course", {"sound": SOUND})
    text = (course / "course.toml").read_text()
    (course / "course.toml").write_text(re.sub(r"deadline = .*", "deadline = 2026-01-15T12:00:00", text))
    roster = (course / "roster.csv").read_text()
    (course / "roster.csv").write_text(re.sub(r"file://\S*?(?=,|\n|$)", f"file://{course}/handins/sound.git", roster))
    (member,) = re.findall(r"^sound,([^,]*),", roster, re.M)
    home = tmp_path / "downloads" / f"{member}_90211_assignsubmission_file_"
    home.mkdir(parents=True)
    (home / "solution.py").write_text(SOUND)
    (tmp_path / "downloads/stranger").mkdir()

    collected = medmark("collect", "halves", "--folder", tmp_path / "downloads", "-c", course)
    assert collected.code == 1
    assert "1 hand-in taken" in collected.out
    assert "No group: stranger: is not in the roster" in collected.err
    waiting = course / "handins/halves-waiting.csv"
    assert f"medmark decide halves late_commit --from {waiting}" in " ".join(collected.err.split())

    (tmp_path / "downloads/stranger").rmdir()
    assert medmark("collect", "halves", "--folder", tmp_path / "downloads", "-c", course).code == 0
    decided = medmark(
        "decide", "halves", "late_commit", "--from", waiting, "--reason", "in time", "-c", course, "--yes"
    )
    assert decided.code == 0, decided.err
    assert "on time" in medmark("decide", "halves", "-c", course).out


def test_a_folder_that_is_not_there_is_a_mistake_of_the_person(tmp_path):
    course = write_course(tmp_path / "course", {"sound": SOUND})
    output = medmark("collect", "halves", "--folder", tmp_path / "nowhere", "-c", course)
    assert output.code == 2
    assert "allow_file = true under [access]" in output.err
