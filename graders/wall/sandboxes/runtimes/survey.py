"""Lists the contents of a finished runtime, from inside it, as JSON on stdout. Imports only the standard library.

It runs as uid 65534 with a solution's mounts, so it sees exactly what a solution will see.
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
    steady = [line for line in lines if not line.startswith("../") and not line.split(",")[0].endswith(UNSTEADY)]
    return hashlib.sha256("\n".join(sorted(steady)).encode()).hexdigest()


def paths_of(names: set[str]) -> list[str]:
    """Paths of all readable files of these names."""
    paths = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in NEVER_WALKED]
        paths += [os.path.join(folder, name) for name in files if name in names]
    return sorted(paths)


def survey(imports: list[str], unwanted: set[str]) -> dict[str, object]:
    """Packages, their contents' digests, importable names, unwanted files. Imports `imports` to prove that it works."""
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
        "unwanted": paths_of(unwanted),
    }


if __name__ == "__main__":
    imports, unwanted_names = json.loads(sys.argv[1])
    print(json.dumps(survey(imports, set(unwanted_names))))
