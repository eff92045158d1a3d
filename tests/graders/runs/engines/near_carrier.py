"""A carrier for tests: its other machine is a folder, and a thread of the caller does the package there."""

from __future__ import annotations

from pathlib import Path

from assignments.files import replace_file
from graders.runs.engines.node import done
from graders.runs.engines.package import Delivery


class NearCarrier:
    """Carries each package to a folder of blobs. `spoil` may change what arrives there."""

    def __init__(self, node: Path, spoil=lambda description, blobs: description) -> None:
        self.node, self.spoil = node, spoil
        self.packages = []
        node.mkdir(exist_ok=True)

    def slots(self, limits, jobs):
        return jobs or 1

    def carry(self, package, deadline_s):
        self.packages.append(package)
        for digest, path in package.blobs.items():
            replace_file(self.node / digest, path.read_bytes())
        return Delivery(done(self.spoil(package.description, self.node), self.node), machine="node1")

    def exclude(self, machine):
        return 0

    def stop(self):
        pass
