"""The user ids that a sandbox without a daemon has: one for its keeper, and many for its workers.

An ordinary user has those of /etc/subuid and /etc/subgid, which `newuidmap` and `newgidmap` map. Root maps ids that no
person and no service of a machine has.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from graders.failures import EngineFailure

SUBUID, SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
NEEDED = 65_535
"""Ids beside the keeper's: `graders.wall.inside.processes` gives workers some of these."""
OF_NOBODY = 2_000_000_001
"""Where the ids of root's sandboxes begin."""


@dataclass(frozen=True)
class UserIds:
    """The ids that a sandbox's workers get on the machine: the first of the users, and of the groups."""

    users: int
    groups: int

    def map_for(self, pid: int) -> None:
        """Map the ids of a user name space that a process of this user has made, and that has none yet.

        Raises:
            EngineFailure: the system refuses.
        """
        try:
            if os.geteuid() == 0:
                for name, first in (("uid_map", self.users), ("gid_map", self.groups)):
                    Path(f"/proc/{pid}/{name}").write_text(f"0 0 1\n1 {first} {NEEDED}\n")
                return
            for command, own, first in (
                ("newuidmap", os.getuid(), self.users),
                ("newgidmap", os.getgid(), self.groups),
            ):
                words = [command, str(pid), "0", str(own), "1", "1", str(first), str(NEEDED)]
                subprocess.run(words, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise EngineFailure(f"{error.cmd[0]}: {error.stderr.strip()}") from error
        except OSError as error:
            raise EngineFailure(f"the user ids of a sandbox cannot be mapped: {error}") from error


def user_ids() -> UserIds | str:
    """The ids that this user may give to workers, or why there are none, with the command that changes it."""
    if os.geteuid() == 0:
        return UserIds(OF_NOBODY, OF_NOBODY)
    if missing := [name for name in ("newuidmap", "newgidmap") if shutil.which(name) is None]:
        return f"{' and '.join(missing)} cannot be run: apt-get install uidmap"
    name = getpass.getuser()
    users, groups = _first(SUBUID, name, os.getuid()), _first(SUBGID, name, os.getuid())
    if users is None or groups is None:
        file = SUBUID if users is None else SUBGID
        cure = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        return f"{file} has no {NEEDED} ids for {name}: {cure}, with a range that nobody else has"
    return UserIds(users, groups)


def _first(file: Path, name: str, uid: int) -> int | None:
    """The first id of the first range that is large enough; the file names its owner by login or by number."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        owner, _, rest = line.partition(":")
        first, _, count = rest.partition(":")
        if owner in (name, str(uid)) and first.isdecimal() and count.isdecimal() and int(count) >= NEEDED:
            return int(first)
    return None
