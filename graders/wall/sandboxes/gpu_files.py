"""The files that a sandbox without Docker needs for its leased GPUs: devices, and the driver's libraries.

NVIDIA's container runtime does this for Docker. Here a sandbox binds the files itself. Another GPU's device is not
among them, so the lease is held by what can be opened, not only by a variable.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graders.failures import EngineFailure
from graders.wall.sandboxes.gpu_list import Gpu, nvidia_smi, on_this_machine

SHARED_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
"""Devices below /dev that every GPU needs; those that a driver lacks are left out."""
LIBRARIES = (
    "libcuda.so.1",
    "libcudadebugger.so.1",
    "libnvidia-ml.so.1",
    "libnvidia-ptxjitcompiler.so.1",
    "libnvidia-nvvm.so.4",
    "libnvidia-nvvm70.so.4",
    "libnvidia-gpucomp.so",
)
"""What CUDA, and asking for the GPU's state, need of the driver. All belong to its version: no image can hold them."""
NEEDED = "libcuda.so.1"

_ENTRY = re.compile(r"\s*(\S+) \(([^)]*)\) => (\S+)")
_OLD_MIG = re.compile(r"MIG-(GPU-[0-9a-f-]+)/(\d+)/(\d+)")
_MIG_DEVICE = re.compile(r"Index\s+: (\d+)\s+GPU Instance ID\s+: (\d+)\s+Compute Instance ID\s+: (\d+)")
_PLATFORMS = {"x86_64": "x86-64", "aarch64": "AArch64"}


@dataclass(frozen=True)
class GpuFiles:
    """What to bind for the GPUs of one lease; empty without GPUs."""

    devices: tuple[Path, ...] = ()
    """To bind as devices, at the same paths."""
    libraries: Mapping[str, Path] = field(default_factory=dict)
    """By the name under which a program loads it, a library's file on this machine: bind it read-only at that name in
    one folder, and put the folder in LD_LIBRARY_PATH."""


def gpu_files(uuids: Iterable[str], root: Path = Path("/")) -> GpuFiles:
    """The files for some leased GPUs.

    Args:
        root: Where `dev` and `proc` lie; another one only in tests.

    Raises:
        EngineFailure: a device or the driver's library is missing, or `nvidia-smi` fails.
    """
    leased = tuple(uuids)
    if not leased:
        return GpuFiles()
    by_uuid = {gpu.uuid: gpu for gpu in on_this_machine()}
    minors = _minors(root)
    devices = [root / "dev" / name for name in SHARED_DEVICES if (root / "dev" / name).exists()]
    for uuid in leased:
        gpu = by_uuid.get(uuid)
        whole = uuid if gpu is None else gpu.part_of or gpu.uuid
        if gpu is None or whole not in minors:
            raise EngineFailure(
                f"nothing below {root / 'proc/driver/nvidia/gpus'} names {uuid}: is it leased, and its driver loaded?"
            )
        devices.append(root / "dev" / f"nvidia{minors[whole]}")
        if gpu.device is not None:
            devices += _capabilities(gpu, minors[whole], root)
    devices = list(dict.fromkeys(devices))
    if missing := [str(device) for device in devices if not device.exists()]:
        raise EngineFailure(f"{', '.join(missing)}: not there. `nvidia-modprobe -u -c 0` makes the devices, as root")
    libraries = driver_libraries()
    if NEEDED not in libraries:
        raise EngineFailure(f"ldconfig -p lists no {NEEDED}: install the driver's libraries, and run ldconfig")
    return GpuFiles(tuple(devices), libraries)


def driver_libraries() -> dict[str, Path]:
    """By name, the driver's libraries for this processor, as `ldconfig -p` lists them, links followed.

    Raises:
        EngineFailure: there is no `ldconfig`.
    """
    try:
        # Beside its usual folder: an ordinary user's PATH may lack it.
        listing = subprocess.run(
            ["ldconfig", "-p"], capture_output=True, text=True, check=False, env={"PATH": _path(), "LANG": "C"}
        ).stdout
    except OSError as error:
        raise EngineFailure(f"the driver's libraries cannot be listed: {error}") from error
    libraries: dict[str, Path] = {}
    for line in listing.splitlines():
        match = _ENTRY.match(line)
        if match is None or _PLATFORMS.get(platform.machine(), "") not in match[2]:
            continue
        name = match[1]
        if (name in LIBRARIES or name.startswith("libnvidia-gpucomp.so")) and Path(match[3]).exists():
            libraries.setdefault(name, Path(match[3]).resolve())  # the loader too takes the first
    return libraries


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _minors(root: Path) -> dict[str, str]:
    """By uuid, the number in the name of a GPU's device; it may differ from the number that `nvidia-smi` counts."""
    minors = {}
    for path in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        rows = [row.partition(":") for row in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        facts = {key.strip(): value.strip() for key, _, value in rows}
        if "GPU UUID" in facts and facts.get("Device Minor", "").isdigit():
            minors[facts["GPU UUID"]] = facts["Device Minor"]
    return minors


def _capabilities(gpu: Gpu, minor: str, root: Path) -> list[Path]:
    """The two devices whose right to be opened is the right to use a MIG device."""
    instance, part = _instances(gpu)
    folder = root / f"proc/driver/nvidia/capabilities/gpu{minor}/mig/gi{instance}"
    devices = []
    for path in (folder / "access", folder / f"ci{part}/access"):
        match = re.search(r"DeviceFileMinor: (\d+)", path.read_text(encoding="ascii") if path.is_file() else "")
        if match is None:
            raise EngineFailure(f"{path} does not name the device of {gpu.uuid}")
        devices.append(root / "dev/nvidia-caps" / f"nvidia-cap{match[1]}")
    return devices


def _instances(gpu: Gpu) -> tuple[str, str]:
    """The GPU instance and the compute instance of a MIG device.

    Raises:
        EngineFailure: `nvidia-smi` does not say.
    """
    if match := _OLD_MIG.fullmatch(gpu.uuid):
        return match[2], match[3]
    for match in _MIG_DEVICE.finditer(nvidia_smi("-q", "-i", gpu.part_of) or ""):
        if match[1] == str(gpu.device):
            return match[2], match[3]
    raise EngineFailure(f"nvidia-smi -q -i {gpu.part_of} lists no MIG device {gpu.device}")
