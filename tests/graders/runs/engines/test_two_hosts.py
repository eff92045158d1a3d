"""Two hosts, each a network namespace, with Dask over TLS between them: as root, and where `ip` makes namespaces."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed.security import Security

ROOT = Path(__file__).parents[4]
LOGIN, NODE = f"medmark-login-{os.getpid()}", f"medmark-node-{os.getpid()}"
ADDRESS = "tls://10.77.3.1:8786"
COORDINATOR = """
import json, sys, threading
from pathlib import Path

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines import dask_cluster
from graders.runs.engines.dask import DaskCarrier
from graders.runs.engines.far import Far
from graders.runs.engines.processes import start_forkserver
from tests.graders.runs.engines.test_every_engine_marks import SCALE, is_well, job_of, sleeping_job

def settings(folder):
    names = ("tls_ca", "tls_cert", "tls_key")
    return EngineSettings(kind="dask", scheduler="ADDRESS", **{name: folder / name for name in names})

def say(**facts):
    print(json.dumps(facts), flush=True)

if __name__ == "__main__":
    start_forkserver()
    folder = Path(sys.argv[1])
    dask_cluster.CONNECT_S = 5.0
    try:
        DaskCarrier(settings(folder / "others"), folder).slots(Limits(), None)
    except UserError as error:
        say(wrong=str(error))
    dask_cluster.CONNECT_S = 20.0
    engine = Far(DaskCarrier(settings(folder / "ours"), folder), folder / "crossing")
    say(slots=engine.slots(Limits(), None, True))
    first = engine.run(*job_of("perfect", folder, tests=(SCALE,), repeats=(0,), scores=("accuracy",)), 100.0)
    say(machine=first.machine, verdict=first.document.tests[SCALE].verdict, scored=list(first.document.scores))
    for loss in ("a worker", "the network"):
        outcome = engine.run(*sleeping_job(folder), 200.0)
        say(loss=loss, lost=outcome.lost, trouble=outcome.trouble, machine=outcome.machine)
        if loss == "a worker":
            say(well=is_well(engine, folder))
    engine.stop()
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def can_make_namespaces():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        ip("netns", "add", f"medmark-probe-{os.getpid()}")
        ip("netns", "delete", f"medmark-probe-{os.getpid()}")
    except subprocess.CalledProcessError:
        return False
    return True


@pytest.fixture
def hosts():
    """Two hosts on one cable; on leaving, their processes end and the namespaces with them."""
    if not can_make_namespaces():
        pytest.skip("needs root, and ip netns")
    running = []
    try:
        for name in (LOGIN, NODE):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", "mm-a", "netns", LOGIN, "type", "veth", "peer", "name", "mm-b", "netns", NODE)
        for name, link, address in ((LOGIN, "mm-a", "10.77.3.1/24"), (NODE, "mm-b", "10.77.3.2/24")):
            ip("-n", name, "address", "add", address, "dev", link)
            ip("-n", name, "link", "set", link, "up")

        def start(host, *words, **options):
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}
            command = ["ip", "netns", "exec", host, sys.executable, *map(str, words)]
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **options))
            return running[-1]

        yield start
    finally:
        for process in reversed(running):
            if process.stdout is not None:
                process.stdout.close()
            for part in [*_children(process.pid), process]:
                part.kill()
            process.wait()
        for name in (LOGIN, NODE):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _children(pid):
    return psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []


def write_certificates(folder):
    folder.mkdir()
    security = Security.temporary()
    texts = {"tls_ca": security.tls_ca_file, "tls_cert": security.tls_client_cert, "tls_key": security.tls_client_key}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [
        part for name in texts for part in (f"--{name.replace('_', '-')}" + "-file" * (name == "tls_ca"), folder / name)
    ]


def sleeper_of(folder):
    end = time.monotonic() + 100
    while not ((folder / "began").is_file() and (folder / "began").read_text()):
        assert time.monotonic() < end, "the job has not begun"
        time.sleep(0.05)
    process = psutil.Process(int((folder / "began").read_text()))
    (folder / "began").unlink()
    return process


def is_gone(process, seconds=60.0):
    end = time.monotonic() + seconds
    while process.is_running() and time.monotonic() < end:
        time.sleep(0.1)
    return not process.is_running()


@pytest.mark.slow
def test_two_hosts_speak_tls_and_lose_a_worker_and_then_the_network(hosts, tmp_path):
    tls = write_certificates(tmp_path / "ours")
    write_certificates(tmp_path / "others")
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    hosts(LOGIN, "-m", "distributed.cli.dask_scheduler", "--protocol", "tls", "--host", "10.77.3.1", "--port", "8786",
          "--no-dashboard", *tls, **quiet)  # fmt: skip
    hosts(NODE, "-m", "distributed.cli.dask_worker", ADDRESS, "--nworkers", "2", "--nthreads", "1", "--memory-limit",
          "0", "--no-dashboard", *tls, **quiet)  # fmt: skip
    (tmp_path / "coordinator.py").write_text(COORDINATOR.replace("ADDRESS", ADDRESS))
    coordinator = hosts(LOGIN, tmp_path / "coordinator.py", tmp_path, stdout=subprocess.PIPE)

    def said():
        line = coordinator.stdout.readline()
        assert line, "the coordinator ended"
        print(line)
        return json.loads(line)

    assert "do not belong together" in said()["wrong"]
    assert said()["slots"] in (1, 2)
    first = said()
    assert (first["verdict"], first["scored"]) == ("passed", ["accuracy"])
    assert "10.77.3.2" in first["machine"], "it was asked on the other host"

    sleeper = sleeper_of(tmp_path)
    next(parent for parent in sleeper.parents() if "--serve" in parent.cmdline()).parent().kill()
    lost = said()
    assert lost["lost"], lost
    assert "worker was lost" in lost["trouble"]
    assert is_gone(sleeper)
    assert said() == {"well": True}

    sleeper = sleeper_of(tmp_path)
    ip("-n", NODE, "link", "set", "mm-b", "down")
    lost = said()
    assert lost["lost"], lost
    assert "lost" in lost["trouble"]
    assert is_gone(sleeper), "a node that nobody reaches ends what it runs"
    assert coordinator.wait(60) == 0
