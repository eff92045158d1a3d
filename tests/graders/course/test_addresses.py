"""An address is a repository on a host, or it is refused before git reads it."""

import pytest

from graders.course.addresses import address_problem


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/ucl/group-01.git",
        "https://gitlab.cs.ucl.ac.uk:8443/a/b/c",
        "git@github.com:ucl/group_01.git",
        "ssh://git@host.ac.uk:22/srv/x.git",
        "https://dev.azure.com/ucl/Deep%20Learning/_git/group-01",
        "https://host.ac.uk/caf%C3%A9/x.git",
        "ssh://git@host.ac.uk/Deep%20Learning/x.git",
    ],
)
def test_addresses_of_git_hosts_are_accepted(address):
    assert address_problem(address, allow_file=False) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://github.com/a/b",
        "https://token@github.com/a/b",
        "https://user:secret@github.com/a/b",
        "https://github.com/a/../b",
        "https://github.com/a/b?x=1",
        "https://github.com/a/%2e%2e/b",
        "https://github.com/a%2fb/c",
        "https://github.com/a%0ab/c",
        "https://github.com/a%00/c",
        "https://github.com/a/%2db",
        "https://github.com/a%2/b",
        "https://github.com/%ff/b",
        "https://github%2ecom/a/b",
        "ssh://git@host/%2Do",
        "git@host:a%20b",
        "https://-oProxyCommand=x/a",
        "ssh://-oProxyCommand=touch/a",
        "git@-oProxyCommand:a",
        "git@host:-a",
        "ext::sh -c touch% x",
        "--upload-pack=touch x",
        "-u",
        "/etc",
        "../x",
        "host:path",
        "https://github.com/a/b\n--upload-pack=x",
        "git://host/a",
        "fd::17",
        "",
    ],
)
def test_all_else_is_refused(address):
    assert address_problem(address, allow_file=True)
