"""What leased GPUs are used for, measured by this machine: nothing that a worker reports of it can be trusted.

One `nvidia-smi` a lease prints the GPUs' memory and load four times a second, and a thread reads them. A lease is
exclusive, so all of it is the sandbox's. A peak between two samples is missed; PyTorch and TensorFlow, which keep the
memory they once had until their process ends, hide few of them. MIG devices have no such counts: nothing is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PERIOD_S = 0.25
FIELDS = "--query-gpu=uuid,memory.used,utilization.gpu"


@dataclass(frozen=True)
class GpuUse:
    """What the GPUs of one lease were used for; None is what could not be measured."""

    peak_mb: float | None = None
    """The most memory that was in use at any sample, of all GPUs of the lease together."""
    busy_s: float | None = None
    """Seconds in which a GPU computed, of all GPUs together."""


class GpuMeter:
    """Measures the GPUs that one submission's sandboxes lease, one sandbox after another."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, float]] = {}
        """By uuid, when its newest sample came, and the MiB in it."""
        self._peak_mb: float | None = None
        self._busy_s: float | None = None
        self._broken = False
        """Whether samples ended while the sandbox was open: a peak after that would be missed."""

    def begin(self) -> None:
        """Measure from now on; what came before is forgotten."""
        with self._lock:
            self._seen.clear()
            self._peak_mb = self._busy_s = None

    def used(self) -> GpuUse:
        """The use since `begin`; all None where samples are missing."""
        with self._lock:
            if self._broken:
                return GpuUse()
            peak = None if self._peak_mb is None else round(self._peak_mb, 1)
            return GpuUse(peak, None if self._busy_s is None else round(self._busy_s, 3))

    def take(self, row: str, now: float) -> None:
        """Take one row of `nvidia-smi`: uuid, MiB in use, per cent of the time in which it computed."""
        parts = [part.strip() for part in row.split(",")]
        if len(parts) != 3:
            return
        uuid, mb, load = parts[0], _number(parts[1]), _number(parts[2])
        with self._lock:
            before, _ = self._seen.get(uuid, (now - self._period_s, 0.0))
            self._seen[uuid] = (now, mb or 0.0)
            if mb is not None:
                self._peak_mb = max(self._peak_mb or 0.0, sum(each for _, each in self._seen.values()))
            if load is not None:
                # Of the time since the sample before; a row that comes late says nothing of all of it.
                elapsed = min(now - before, 4 * self._period_s)
                self._busy_s = (self._busy_s or 0.0) + elapsed * load / 100

    @contextmanager
    def watching(self, uuids: tuple[str, ...]) -> Iterator[None]:
        """Sample these GPUs meanwhile. Where `nvidia-smi` cannot, nothing is measured and nothing fails."""
        process = _sampler(uuids, self._period_s)
        with self._lock:
            self._broken = process is None
        if process is None:
            yield
            return
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        try:
            yield
        finally:
            process.kill()
            process.wait()
            reader.join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as rows:
            for row in rows:
                self.take(row, time.monotonic())
        with self._lock:
            self._broken = True


def _sampler(uuids: tuple[str, ...], period_s: float) -> subprocess.Popen[str] | None:
    """An `nvidia-smi` that prints samples until it is killed, or until nobody reads them; None if there is none."""
    if not all(uuid.startswith("GPU-") for uuid in uuids):
        return None
    # A pipe is written to in blocks unless a program flushes it: a row must not wait for the next ones.
    by_row = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
    command = ["nvidia-smi", FIELDS, "--format=csv,noheader,nounits", "-i", ",".join(uuids)]
    try:
        return subprocess.Popen(
            [*by_row, *command, "-lms", str(round(period_s * 1000))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None


def _number(text: str) -> float | None:
    """A count; None for `[N/A]` and its like."""
    return float(text) if text.replace(".", "", 1).isdigit() else None
