"""Names leave a text that somebody wrote, in every form in which people write them."""

import pytest

from graders.course.roster import Group, Member
from reports.names import REMOVED, remover

GROUP = Group(
    name="team-lovelace",
    members=(
        Member(id="zcabc01", name="Ada Lovelace", email="ada.l@ucl.ac.uk"),
        Member(id="zc/0002", name="José Ångström", email="jose7@ucl.ac.uk"),
        Member(id="zc03", name="李 小明", email="lxm@ucl.ac.uk"),
        Member(id="zc04", name="ליאור כהן", email="lior@ucl.ac.uk"),
    ),
    repository="https://github.com/lovelace/unet.git",
)


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace", "ada lovelace", "ADA", "Lovelace's", "`weights/ada_final.pt`", "ada-report.pdf", "zcabc01",
        "ZCABC01", "s_zcabc01.py", "zc/0002", "ada.l@ucl.ac.uk", "ada.l", "someone.else@home.example", "jose7",
        "Jose\u0301 A\u030angstro\u0308m", "JOSÉ", "小明", "给小明的", "ליאור", "כהן", "team-lovelace",
        "https://github.com/lovelace/unet.git", "https://github.com/lovelace/unet", "ssh://git@host/x.git",
        "git@github.com:lovelace/unet.git", "AdaLovelace.ipynb", "lovelace2", "ada_2", "Love\u00adlace", "ליאו\u200dר",
    ],
)  # fmt: skip
def test_a_name_leaves_whatever_its_form(text):
    shown = remover([GROUP])(f"the file of {text}, line 3")
    assert shown.startswith("the file of ")
    assert shown.endswith(", line 3")
    assert REMOVED in shown
    left = shown.replace(REMOVED, "").casefold()
    for word in ("ada", "lovelace", "zcabc01", "0002", "jos", "ngstr", "小明", "ליאור", "כהן", "@", "github"):
        assert word not in left, shown


@pytest.mark.parametrize(
    "text", ["the Canada data", "adam", "radar.py", "solution.py:12", "zcabc012", "unet", "line 03"]
)
def test_a_word_that_only_holds_a_name_stays(text):
    assert remover([GROUP])(text) == text


def test_without_people_only_addresses_leave():
    assert remover([])("ask Ada at ada@ucl.ac.uk") == f"ask Ada at {REMOVED}"
