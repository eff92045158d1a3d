"""A real Slurm on one machine, for tests: python tests/graders/runs/engines/slurm_here.py COMMAND ...

Runs the command beside a controller and four nodes of Debian's Slurm, and returns its exit code. All of it lives in
namespaces of its own: files in a memory disk over /srv, a network of its own, and processes that end with the first.
Nothing is configured, opened or left on the machine. It needs root, for the namespaces alone.

The nodes have more cores and memory than the machine, so that tests may let many jobs wait at once. Node `apart` does
not see the folder `APART` of the others. GPUs are copies of /dev/null, which Slurm counts. A job that is started again
waits seconds, where a site's waits two minutes.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGES = {
    "slurmctld": "slurmctld", "slurmd": "slurmd", "munged": "munge", "sbatch": "slurm-client", "ip": "iproute2",
    "faketime": "faketime",
}  # fmt: skip
"""A program of each of Debian's packages that are needed."""
ROOT = Path("/srv")
CONFIGURATION = ROOT / "slurm" / "slurm.conf"
APART = ROOT / "not_shared"
"""A folder that node `apart` has one of its own of."""
NODES = ("one", "two", "apart", "weak")
START_S = 30.0
FAKE_TIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

SETTINGS = f"""
ClusterName=here
SlurmctldHost=controller(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={ROOT}/munge/socket,cred_expire=5
SlurmctldPort=6817
StateSaveLocation={ROOT}/state
SlurmdSpoolDir={ROOT}/%n
SlurmctldPidFile={ROOT}/slurmctld.pid
SlurmdPidFile={ROOT}/%n.pid
SlurmctldLogFile={ROOT}/slurmctld.log
SlurmdLogFile={ROOT}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=6
MessageTimeout=5
KillWait=2
CompleteWait=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName=one   NodeHostname=controller NodeAddr=127.0.0.1 Port=17001 CPUs=8 RealMemory=64000 Gres=gpu:2
NodeName=two   NodeHostname=controller NodeAddr=127.0.0.1 Port=17002 CPUs=8 RealMemory=64000
NodeName=apart NodeHostname=controller NodeAddr=127.0.0.1 Port=17003 CPUs=8 RealMemory=64000
NodeName=weak  NodeHostname=controller NodeAddr=127.0.0.1 Port=17004 CPUs=2 RealMemory=64000
PartitionName=course  Nodes=one,two MaxTime=120 PriorityTier=2 PreemptMode=OFF Default=YES
PartitionName=apart   Nodes=apart   MaxTime=120 PriorityTier=2 PreemptMode=OFF
PartitionName=urgent  Nodes=weak    MaxTime=120 PriorityTier=3 PreemptMode=OFF
PartitionName=patient Nodes=weak    MaxTime=120 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=brittle Nodes=weak    MaxTime=120 PriorityTier=1 PreemptMode=CANCEL
"""
GPUS = f"NodeName=one Name=gpu File={ROOT}/gpus/nvidia[0-1]\n"


def missing() -> str:
    """Why there can be no Slurm here, and the cure; empty if there can."""
    lacking = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if lacking:
        return f"Slurm is not installed: apt-get install {' '.join(lacking)}"
    return "" if os.geteuid() == 0 else "a Slurm of one's own needs root, for its namespaces: sudo make test-slurm"


def is_here() -> bool:
    """Whether this process runs beside such a Slurm."""
    return os.environ.get("SLURM_CONF") == str(CONFIGURATION)


NEEDED: list[pytest.MarkDecorator] = [
    pytest.mark.slurm,
    pytest.mark.skipif(not is_here(), reason=missing() or "make test-slurm starts a Slurm"),
]
"""Marks of a test that needs such a Slurm."""


def start_node(name: str) -> None:
    """Start a node, or start it again after its end."""
    command = ["slurmd", "-N", name]
    if name == "apart":
        command = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {APART} && exec {' '.join(command)}"]
    _start(command)


def start_munge(folder: Path, clock: str = "") -> None:
    """Start what makes credentials of a key; `clock`: how far its clock is off, `+1h`."""
    files = [f"--{kind}-file={folder}/{kind}" for kind in ("key", "log", "pid", "seed")]
    environment = {**os.environ, "LD_PRELOAD": str(FAKE_TIME), "FAKETIME": clock} if clock else None
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = ["munged", "--force", f"--socket={folder}/socket", *files]
    subprocess.run(command, check=True, env=environment, timeout=START_S, **silent)


def start_controller() -> None:
    """Start the controller, or start it again: it remembers the jobs."""
    _start(["slurmctld"])


def node_states() -> set[str]:
    """The states that any node has; none where the controller does not answer."""
    return set(subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], capture_output=True, text=True).stdout.split())


def pid_of(name: str) -> int:
    """The process of a node or of `slurmctld`."""
    return int((ROOT / f"{name}.pid").read_text())


def main(command: list[str]) -> int:
    """Run the command beside a Slurm; its exit code."""
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc", "--mount-proc"]
    return subprocess.run([*apart, sys.executable, __file__, "--inside", *command]).returncode


def inside(command: list[str]) -> int:
    """The first process within the namespaces."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", ROOT], check=True)
    socket.sethostname("controller")
    for folder in ("slurm", "state", "munge", "gpus", *NODES):
        (ROOT / folder).mkdir()
    APART.mkdir()
    for gpu in range(2):
        os.mknod(ROOT / "gpus" / f"nvidia{gpu}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (ROOT / "hosts").write_text("127.0.0.1 localhost controller\n")
    subprocess.run(["mount", "--bind", ROOT / "hosts", "/etc/hosts"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # The resolver of the C library ignores IPv4 where a machine has nothing but 127.0.0.1.
    subprocess.run(["ip", "address", "add", "10.77.0.1/32", "dev", "lo"], check=True)
    key = ROOT / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    CONFIGURATION.write_text(SETTINGS)
    CONFIGURATION.with_name("gres.conf").write_text(GPUS)
    os.environ["SLURM_CONF"] = str(CONFIGURATION)
    start_munge(ROOT / "munge")
    start_controller()
    for name in NODES:
        start_node(name)
    if not _is_up():
        print(f"Slurm did not start:\n{_logs()}", file=sys.stderr)
        return 1
    main = subprocess.Popen(command)
    while True:  # the first process inherits all that lose their parent
        pid, status = os.wait()
        if pid == main.pid:
            return os.waitstatus_to_exitcode(status)


def _start(daemon: list[str]) -> None:
    subprocess.run(daemon, stdin=subprocess.DEVNULL, capture_output=True, check=True)  # its log is a file


def _is_up() -> bool:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if node_states() == {"idle"}:
            return True
        time.sleep(0.2)
    return False


def _logs() -> str:
    return "".join(f"== {path}\n{path.read_text()[-2000:]}" for path in sorted(ROOT.glob("*.log")))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(inside(arguments[1:]) if arguments[:1] == ["--inside"] else main(arguments))
