"""The GPUs of this machine that a sandbox can have, and those of them that this process may use.

`nvidia-smi` lists them. A GPU in MIG mode is none: its MIG devices are. Where a scheduler or a person has set one of
`GRANTS`, only the devices that it names may be used.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graders.failures import EngineFailure

GRANTS = ("CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "NVIDIA_VISIBLE_DEVICES")
"""Environment variables that say which GPUs a process may use. A job step's stands for the job's."""
ANSWER_S = 60.0
"""How long `nvidia-smi` may take: it wakes sleeping GPUs, and with a broken driver it may hang."""

_WHOLE = re.compile(r"GPU (\d+): (.+?) \(UUID: (\S+)\)")
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (\S+)\)")
_NUMBERS = re.compile(r"\d+(,\d+)*")


@dataclass(frozen=True)
class Gpu:
    """One device that a sandbox can have for itself."""

    uuid: str
    """`GPU-…`, or `MIG-…` of a MIG device."""
    number: int
    """Of the whole GPU, as `nvidia-smi` counts."""
    name: str
    """`NVIDIA A100-SXM4-40GB`; of a MIG device with its profile, `NVIDIA A100-SXM4-40GB, MIG 1g.5gb`."""
    device: int | None = None
    """Number of the MIG device on its GPU; None for a whole GPU."""
    part_of: str = ""
    """The uuid of the GPU that a MIG device is part of."""


@dataclass(frozen=True)
class Granted:
    """The GPUs that this process may use."""

    gpus: tuple[Gpu, ...]
    on_machine: int
    """How many the machine has."""
    by: str = ""
    """The variables that say so, as they are set; empty where nothing restricts this process."""

    @property
    def words(self) -> str:
        """How many there are, for a sentence that says that more are needed."""
        if len(self.gpus) == self.on_machine:
            return f"this machine has {self.on_machine}: nvidia-smi lists them"
        return f"this process may use {len(self.gpus)} of this machine's {self.on_machine}: {self.by}"


def granted(environment: Mapping[str, str] | None = None) -> Granted:
    """The GPUs that this process may use; none where `nvidia-smi` is missing.

    Raises:
        EngineFailure: `nvidia-smi` is there and fails; the text holds its own words.
    """
    environment = os.environ if environment is None else environment
    every = on_this_machine()
    names = [name for name in GRANTS if name in environment]
    if "SLURM_STEP_GPUS" in names and "SLURM_JOB_GPUS" in names:
        names.remove("SLURM_JOB_GPUS")
    allowed = list(every)
    for name in names:
        named = _named(name, environment[name], every, cuda_says="CUDA_VISIBLE_DEVICES" in names)
        allowed = [gpu for gpu in allowed if gpu in named]
    by = ", ".join(f"{name}={environment[name]}" for name in names)
    return Granted(tuple(allowed), len(every), by)


def on_this_machine() -> tuple[Gpu, ...]:
    """Every GPU that `nvidia-smi` lists, MIG devices in place of a GPU in MIG mode.

    Raises:
        EngineFailure: `nvidia-smi` is there and fails.
    """
    text = nvidia_smi("-L")
    if text is None:
        return ()
    gpus: list[Gpu] = []
    for line in text.splitlines():
        if match := _WHOLE.match(line):
            gpus.append(Gpu(match[3], int(match[1]), match[2]))
        elif (match := _MIG.match(line)) and gpus:
            gpu = gpus[-1]
            whole = gpu.part_of or gpu.uuid
            name = f"{gpu.name.partition(', MIG ')[0]}, MIG {match[1]}"
            gpus.append(Gpu(match[3], gpu.number, name, int(match[2]), whole))
    in_mig_mode = {gpu.part_of for gpu in gpus} | (_in_mig_mode() if gpus else set())
    return tuple(gpu for gpu in gpus if gpu.uuid not in in_mig_mode)


def nvidia_smi(*arguments: str) -> str | None:
    """What `nvidia-smi` prints; None where it is not installed.

    Raises:
        EngineFailure: it fails or hangs; the text holds its own words.
    """
    command = ["nvidia-smi", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=ANSWER_S, check=False)
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailure(f"the GPUs cannot be listed: {error}") from error
    words = f"{done.stdout}\n{done.stderr}".strip()
    if "No devices" in words:  # a driver without a GPU, which some versions call an error
        return ""
    if done.returncode != 0:
        raise EngineFailure(
            f"the GPUs cannot be used: `{' '.join(command)}` ends with exit code {done.returncode} and says: "
            f"{' '.join(words.split())[:500]}"
        )
    return done.stdout


def _in_mig_mode() -> set[str]:
    """The uuids of GPUs in MIG mode, those without any MIG device too."""
    try:
        text = nvidia_smi("--query-gpu=uuid,mig.mode.current", "--format=csv,noheader")
    except EngineFailure:  # `-L` has just worked: the driver is older than MIG, and knows no such field
        return set()
    rows = [row.split(", ") for row in (text or "").splitlines()]
    return {row[0] for row in rows if len(row) == 2 and row[1] == "Enabled"}


def _named(name: str, value: str, every: Sequence[Gpu], *, cuda_says: bool) -> list[Gpu]:
    """The GPUs that a variable names. A name that fits none or several adds none: never more than what was granted."""
    entries = [entry.strip() for entry in value.split(",")]
    if name == "CUDA_VISIBLE_DEVICES":
        named: list[Gpu] = []
        for entry in entries:
            gpu = _gpu_of(entry, every)
            if gpu is None:  # CUDA too ignores all that follows
                break
            named.append(gpu)
        return named
    if name == "NVIDIA_VISIBLE_DEVICES" and value == "all":
        return list(every)
    if not _NUMBERS.fullmatch(value):
        return [gpu for gpu in (_gpu_of(entry, every) for entry in entries) if gpu is not None]
    if name.startswith("SLURM_") and any(gpu.device is not None for gpu in every):
        # Slurm numbers its own resources, which are MIG devices here; CUDA's variable has their uuids.
        return list(every) if cuda_says else []
    wholes = list(dict.fromkeys(gpu.number for gpu in every))
    if len(entries) >= len(wholes):
        # These are numbers of the whole machine, and here no other GPU can be seen than those that were granted.
        return list(every)
    return [gpu for gpu in every if str(gpu.number) in entries]


def _gpu_of(entry: str, every: Sequence[Gpu]) -> Gpu | None:
    """The GPU of a number, or of the beginning of a uuid that no other shares."""
    if entry.isdigit():
        fitting = [gpu for gpu in every if gpu.device is None and gpu.number == int(entry)]
    else:
        fitting = [gpu for gpu in every if entry and gpu.uuid.startswith(entry)]
    return fitting[0] if len(fitting) == 1 else None
