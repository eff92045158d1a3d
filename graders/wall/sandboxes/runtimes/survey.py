"""Run inside a finished runtime: says on stdout, as JSON, what is in it. Imports only the standard library.

It decides nothing. It sees what a solution will see, as uid 65534 and with the same mounts, so nothing that it lists
can be missing later and nothing that it does not list is there.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata as metadata
import json
import os
import platform
import sys
import sysconfig

UNSTEADY = (".pyc", "/INSTALLER", "/REQUESTED", "/RECORD", "/direct_url.json")
NEVER_WALKED = {"/proc", "/sys", "/dev"}


def content_of(distribution: metadata.Distribution) -> str:
    """SHA-256 over a distribution's RECORD, without the lines that depend on where it was installed."""
    lines = (distribution.read_text("RECORD") or "").splitlines()
    steady = [
        line
        for line in lines
        if not line.startswith("../")
        and not line.split(",")[0].endswith(UNSTEADY)
    ]
    return hashlib.sha256("\n".join(sorted(steady)).encode()).hexdigest()


def found(names: set[str]) -> list[str]:
    """Paths of all readable files of these names."""
    paths = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in NEVER_WALKED]
        paths += [os.path.join(folder, name) for name in files if name in names]
    return sorted(paths)


def survey(imports: list[str], unwanted: set[str]) -> dict[str, object]:
    """Packages, their contents' digests, importable names, unwanted files. Imports `imports`: proof that it works."""
    site = sysconfig.get_path("purelib")
    distributions = {
        d.metadata["Name"].lower().replace("_", "-"): [d.version, content_of(d)]
        for d in metadata.distributions(path=[site])
    }
    modules = {name for name in metadata.packages_distributions() if name.isidentifier()}
    for name in imports:
        importlib.import_module(name)
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "distributions": distributions,
        "modules": sorted(modules),
        "unwanted": found(unwanted),
    }


if __name__ == "__main__":
    wanted, unwanted_names = json.loads(sys.argv[1])
    print(json.dumps(survey(wanted, set(unwanted_names))))
