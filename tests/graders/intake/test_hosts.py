"""What the hosts of a roster answer to one look each: with real git, and with hosts of this machine."""

from __future__ import annotations

import base64

import pytest

from graders.course.course import load_course
from graders.intake import clone, hosts
from graders.intake.hosts import tried_hosts
from graders.runs.doctor_hosts import examine_hosts, host_facts
from tests.graders.intake.https_hosts import HttpsHost, certified, serving
from tests.graders.intake.repositories import make
from tests.graders.small_roster import COURSE, write_course

TOKEN = "s3cret-t0ken"
HEADER = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture
def repositories(tmp_path):
    """A folder with a repository that has work, and one that has none."""
    folder = tmp_path / "repositories"
    make(folder / "work.git", {"solution.py": "x = 1\n"})
    make(folder / "empty.git")
    return folder


@pytest.fixture
def host(tmp_path, monkeypatch, repositories):
    """A host that wants the course's token."""
    started = HttpsHost(certified(tmp_path, monkeypatch), serving(repositories, HEADER))
    yield started
    started.close()


def course_of(tmp_path, addresses, settings=""):
    folder = tmp_path / "course"
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{group},{group}-a,Ada,{group}@ucl.ac.uk,{address}\n" for group, address in addresses.items())
    write_course(folder, settings + COURSE, f"group,member,name,email,repository\n{rows}")
    return folder


def tokens(host):
    """What course.toml says of the host's token, before its own keys end."""
    return f'access = {{ token_env = {{ "{host.name}" = "COURSE_TOKEN" }} }}\n'


def lines(course):
    return [(fact.well, fact.text) for tried in tried_hosts(load_course(course)) for fact in host_facts(tried)]


def test_a_host_that_answers_for_all_is_one_line(tmp_path, host, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", TOKEN)
    addresses = {"g1": f"https://{host.name}/work.git", "g2": f"https://{host.name}/empty.git"}
    course = course_of(tmp_path, addresses, tokens(host))
    (answers,) = lines(course)
    assert answers == (
        True,
        f"{host.name}: all 2 repositories answer with the token of COURSE_TOKEN; no commit yet: g2",
    )


def test_an_unknown_repository_is_a_line_of_its_group(tmp_path, host, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", TOKEN)
    addresses = {"g1": f"https://{host.name}/work.git", "g2": f"https://{host.name}/nowhere.git"}
    assert lines(course_of(tmp_path, addresses, tokens(host))) == [
        (False, f"{host.name}: 1 of 2 repositories answer with the token of COURSE_TOKEN"),
        (False, f"g2: https://{host.name}/nowhere.git: there is no repository at this address, or the marker may not "
                "read it: check the address in the roster"),
    ]  # fmt: skip


def test_a_token_that_is_refused_is_named_by_its_variable_and_never_shown(tmp_path, host, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", "wr0ng")
    course = course_of(tmp_path, {"g1": f"https://{host.name}/work.git"}, tokens(host))
    first, second = lines(course)
    assert first == (
        False,
        f"{host.name}: none of 1 repository answers; the token of COURSE_TOKEN is refused, or may read nothing here: "
        "make a new one with read access",
    )
    assert "access was refused" in second[1]
    assert "wr0ng" not in str(lines(course))


def test_a_host_that_wants_a_token_says_so_where_the_course_has_none(tmp_path, host):
    first, _ = lines(course_of(tmp_path, {"g1": f"https://{host.name}/work.git"}))
    assert first == (
        False,
        f"{host.name}: none of 1 repository answers; access is refused without a token: name one in [access.token_env] "
        "of course.toml",
    )


def test_a_token_that_is_not_set_is_named_and_its_host_not_contacted(tmp_path, host, repositories, monkeypatch):
    monkeypatch.delenv("COURSE_TOKEN", raising=False)
    monkeypatch.setattr(hosts, "look", lambda *_: pytest.fail("contacted"))
    course = course_of(tmp_path, {"g1": f"https://{host.name}/work.git"}, tokens(host))
    assert lines(course) == [
        (False, f"{host.name}: the environment variable COURSE_TOKEN is not set, so nobody looked at 1 repository: "
                "export COURSE_TOKEN=..."),
    ]  # fmt: skip


def test_hosts_are_told_apart_and_a_folder_is_this_machine(tmp_path, host, repositories, monkeypatch):
    monkeypatch.setenv("COURSE_TOKEN", TOKEN)
    addresses = {"g1": f"https://{host.name}/work.git", "g2": f"file://{repositories}/work.git"}
    access = f'access = {{ allow_file = true, token_env = {{ "{host.name}" = "COURSE_TOKEN" }} }}\n'
    assert lines(course_of(tmp_path, addresses, access)) == [
        (True, f"{host.name}: its repository answers with the token of COURSE_TOKEN"),
        (True, "this machine: its repository answers without a token"),
    ]


def test_a_silent_host_is_tried_once_and_its_other_groups_are_counted(tmp_path, monkeypatch):
    looks = []

    def silent(address, branch, reach):
        looks.append(address)
        return clone.Look("unreachable", "", None, "the host did not answer within 30 s")

    monkeypatch.setattr(hosts, "look", silent)
    addresses = {f"g{number}": f"git@silent.org:dl/g{number}.git" for number in range(9)}
    assert lines(course_of(tmp_path, addresses)) == [
        (False, "silent.org (ssh): the host did not answer within 30 s: check its name in the roster, and the network; "
                "8 repositories more were not tried"),
    ]  # fmt: skip
    assert len(looks) == 1


def test_a_branch_that_is_not_there_is_listed_and_does_not_fail_the_host(tmp_path, repositories):
    folder = course_of(tmp_path, {}, "access = { allow_file = true }\n")
    roster = f"group,member,name,email,repository,branch\ng1,s1,Ada,a@b.org,file://{repositories}/work.git,handin\n"
    (folder / "roster.csv").write_text(roster)
    first, second = [fact for tried in tried_hosts(load_course(folder)) for fact in host_facts(tried)]
    assert first.well
    assert (second.well, second.optional) == (False, True)
    assert 'there is no branch "handin"' in second.text


def test_every_look_is_reported_once(tmp_path, repositories):
    addresses = {f"g{number}": f"file://{repositories}/work.git?{number}" for number in range(3)}
    course = load_course(course_of(tmp_path, addresses, "access = { allow_file = true }\n"))
    steps = []
    tried_hosts(course, lambda *step: steps.append(step))
    assert [step[:2] for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert sorted(step[2] for step in steps) == ["g0", "g1", "g2"]


def test_a_course_that_cannot_be_read_has_no_hosts(tmp_path):
    assert list(examine_hosts(tmp_path / "nowhere")) == []
