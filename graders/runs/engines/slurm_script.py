"""What Slurm is to run for a job array: options, and a script that does one package a task."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.asking.allowance import host_mb
from graders.course.course import EngineSettings
from graders.runs.engines.shared_folder import SharedFolder

NODE_MB = 512
"""Memory of the program that receives a package on a node, beside the sandbox and the process that asks."""
START_S = 600.0
"""What a job may take beyond its deadline: starting Python from a network disk, and writing the reply."""
NOT_SHARED = 66
"""Exit code of a task that does not see its package: sysexits has it for an input that is missing."""

SCRIPT = """\
#!/bin/sh
{site}
folder={folder}
key=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$folder/arrays/{array}")
if [ -z "$key" ] || [ ! -f "$folder/in/$key.json" ]; then
    echo "$(hostname): $folder does not hold task $SLURM_ARRAY_TASK_ID of {array}" >&2
    exit {not_shared}
fi
{exports}
part="$folder/parts/$SLURM_JOB_ID-${{SLURM_RESTART_COUNT:-0}}"
mkdir -p "$part" || exit
{python} -m graders.runs.engines.node "$folder/in/$key.json" "$folder/blobs" "$part/reply"
code=$?
[ $code -ne 0 ] || mv -f "$part/reply" "$folder/out/$key.$SLURMD_NODENAME" || code=$?
rm -rf "$part"
exit $code
"""


def resources(settings: EngineSettings, limits: Limits) -> list[str]:
    """The options of sbatch for what one job needs.

    Raises:
        UserError: the settings leave less than the assignment's limits need.
    """
    needed = limits.memory_mb + host_mb(limits) + NODE_MB
    if settings.memory_mb < needed:
        raise UserError(
            f"limits.memory_mb = {limits.memory_mb}, and {needed - limits.memory_mb} MB to ask from: a job needs "
            f"{needed} MB, but memory_mb = {settings.memory_mb} under [engine] in course.toml. Raise it there."
        )
    options = ["--nodes=1", "--ntasks=1", f"--cpus-per-task={settings.cores}", f"--mem={settings.memory_mb}M"]
    if settings.queue:
        options.append(f"--partition={settings.queue}")
    # A site's own option may name the kind of GPU.
    if limits.gpus and not any(option.startswith(("--gres", "--gpus", "-G")) for option in settings.options):
        options.append(f"--gres=gpu:{limits.gpus}")
    return options


def minutes(settings: EngineSettings, deadline_s: float) -> int:
    """The walltime of a job with this deadline: as little as it needs, for a queue is faster for short jobs."""
    return min(settings.walltime_minutes, int(-(-(deadline_s + START_S) // 60)))


def array_options(folder: SharedFolder, array: str, count: int) -> list[str]:
    """The options of sbatch that make an array of packages. Nothing of this process's environment goes along."""
    return [
        f"--array=0-{count - 1}",
        f"--job-name={job_name(array)}",
        f"--output={str(folder.root).replace(chr(37), chr(37) * 2)}/logs/{array}_%a",
        "--open-mode=append",
        "--export=NONE",
        "--requeue",
        "--chdir=/tmp",
    ]


def job_name(array: str) -> str:
    """The name under which Slurm lists an array."""
    return f"medmark-{array}"


def array_of(name: str) -> str | None:
    """The array that Slurm lists under this name; None for a job of something else."""
    return name.removeprefix("medmark-") if name.startswith("medmark-") else None


def script(settings: EngineSettings, folder: SharedFolder, array: str) -> str:
    """The batch script of an array."""
    return SCRIPT.format(
        site=_site_lines(settings),
        folder=shlex.quote(str(folder.root)),
        array=array,
        not_shared=NOT_SHARED,
        exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in node_environment(settings).items()),
        python=shlex.quote(settings.python or sys.executable),
    )


def probe(settings: EngineSettings) -> str:
    """A script that does nothing, with the site's own options."""
    return f"#!/bin/sh\n{_site_lines(settings)}\n"


def _site_lines(settings: EngineSettings) -> str:
    return "\n".join(f"#SBATCH {option}" for option in settings.options)


def node_environment(settings: EngineSettings) -> dict[str, str]:
    """The variables that medmark needs on a node."""
    # A Python file in the current folder must not take the place of a library's.
    environment = {"PYTHONSAFEPATH": "1"}
    if not settings.python:
        # This interpreter's toolkit, also where it runs from a clone.
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    if home := os.environ.get("MEDMARK_HOME"):
        environment["MEDMARK_HOME"] = home
    return environment
