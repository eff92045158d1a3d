"""`medmark handout --update` as a person types it."""

from __future__ import annotations

from tests.small_course import medmark, write_assignment


def test_an_update_is_shown_asked_for_and_written(tmp_path):
    staff = write_assignment(tmp_path / "halves")
    assert medmark("handout", staff, tmp_path / "out").code == 0
    home = tmp_path / "out/halves"
    (home / "solution.py").write_text("mine\n")
    (staff / "brief.md").write_text("# New brief\n")

    shown = medmark("handout", staff, tmp_path / "out", "--update", "--dry-run")
    assert (shown.code, "changes   brief.md (+1 -1 lines)" in shown.out) == (0, True)
    refused = medmark("handout", staff, tmp_path / "out", "--update")
    assert (refused.code, "Not applied: run the same command with --yes" in refused.err) == (1, True)
    assert (home / "brief.md").read_text() != "# New brief\n"

    done = medmark("handout", staff, "--update", tmp_path / "out", "--yes", "--message", "A word was wrong.")
    assert done.code == 0
    assert (home / "brief.md").read_text() == "# New brief\n"
    assert (home / "solution.py").read_text() == "mine\n"
    assert "A word was wrong." in (home / "HANDOUT_CHANGES.md").read_text()
    again = medmark("handout", staff, tmp_path / "out", "--update")
    assert (again.code, "the handout is up to date" in again.out) == (0, True)


def test_a_message_belongs_to_an_update(tmp_path):
    staff = write_assignment(tmp_path / "halves")
    output = medmark("handout", staff, tmp_path / "out", "--message", "x")
    assert (output.code, "--message belongs to --update" in output.err) == (2, True)
    (staff / "starter").mkdir()
    (staff / "starter/solution.py").write_text("x = 1\n")
    medmark("handout", staff, tmp_path / "out")
    output = medmark("handout", staff, tmp_path / "out")
    assert output.code == 2
    assert f"medmark handout halves {tmp_path / 'out'} --update" in " ".join(output.err.split())
