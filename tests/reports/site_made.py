"""Courses whose site is written in tests: with assignments of medmark, of their own, and on patients."""

from __future__ import annotations

from graders.course.course import load_course
from reports.site import course_site
from tests.small_course import write_assignment

COURSE = 'title = "{title}"\nyear = "2027"\ntimezone = "Europe/Berlin"\n'
BRIEF = """\
# Which half is brighter

{{ picture }}

One `code`, **bold**, and [a paper](https://example.org/paper), [a file](limits.md), [how](#how-it-is-marked).

## The data

{{ data }}

    a line of a drawing in letters that is far wider than any telephone can show, even if it is turned around | | |

## How it is marked

{{ marking }}
"""


def write_course(folder, assignments, title="Imaging"):
    """A course's folder: `assignments` has each id with its source and its deadline."""
    folder.mkdir(parents=True, exist_ok=True)
    text = COURSE.format(title=title)
    for id, (source, deadline) in assignments.items():
        text += f'[assignments.{id}]\nsource = "{source}"\ndeadline = {deadline}\n'
    (folder / "course.toml").write_text(text, encoding="utf-8")
    rows = "group,member,name,email,repository\ng1,m1,Xenia,xenia@example.org,https://example.org/g1.git\n"
    (folder / "roster.csv").write_text(rows, encoding="utf-8")
    return folder


def own_course(folder, title="Imaging"):
    """A course of an assignment of its own, without a proof, between two of the catalogue."""
    write_assignment(folder / "halves")
    (folder / "halves/brief.md").write_text(BRIEF, encoding="utf-8")
    assignments = {
        "backprop": ("backprop", "2027-03-01T12:00:00"),
        "halves": ("halves", "2027-02-01T12:00:00"),
        "prostate_unet": ("prostate_unet", "2027-01-15T09:30:00"),
    }
    return write_course(folder, assignments, title)


def site_pages(folder):
    """The pages of that course, by names of files."""
    pages = course_site(load_course(own_course(folder)))
    return {f"site-{name.replace('/', '-').removesuffix('.html')}": html for name, html in pages.items()}
