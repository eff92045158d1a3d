"""A course of two assignments on disk: a group of two people, and one person whose name runs from right to left."""

from graders.course.course import load_course

COURSE = """\
title = "Deep learning"
year = "2026-27"
timezone = "Europe/London"
late_policy = "ucl-2024"
{extra}
[assignments.alpha]
source = "alpha"
deadline = 2027-01-15T12:00:00
weight = {alpha}
[assignments.beta]
source = "beta"
deadline = 2027-03-15T12:00:00
weight = {beta}
"""
ROSTER = """\
group,member,name,email,repository,pass_mark,candidate
team-lovelace,zcabc01,Ada Lovelace,ada.lovelace@ucl.ac.uk,https://github.com/lovelace/unet.git,,1002
team-lovelace,zcabc02,Grace Hopper,g.hopper@ucl.ac.uk,,50,1010
zcabc03,zcabc03,ליאור כהן,lior@ucl.ac.uk,https://github.com/lior/unet.git,,999
"""


def write_course(folder, *, roster=ROSTER, extra="", alpha=40, beta=60):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "course.toml").write_text(COURSE.format(extra=extra, alpha=alpha, beta=beta), encoding="utf-8")
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    return load_course(folder)
