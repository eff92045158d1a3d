"""Puts a stand-in for `nvidia-smi` on the PATH. Its answers have the form that real ones print."""

import os
import shlex

TWO = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-d1b3c1c8-0f0c-4e6f-8f2a-6a5b8c8c2a11)
"""
A, B = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", "GPU-d1b3c1c8-0f0c-4e6f-8f2a-6a5b8c8c2a11"
WITH_MIG = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-d1b3c1c8-0f0c-4e6f-8f2a-6a5b8c8c2a11)
"""
MIG_0, MIG_1 = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54"


def nvidia_smi(folder, monkeypatch, listing=TWO, *, code=0, processes="", samples="", mig_modes="", details=""):
    """Make it; the path of the file with the processes, which a test may write meanwhile.

    Args:
        listing: What `-L` prints.
        code: The exit code of `-L`.
        processes: The rows of --query-compute-apps.
        samples: A row of --query-gpu=uuid,memory.used,utilization.gpu, which it prints again and again.
        mig_modes: The rows of --query-gpu=uuid,mig.mode.current.
        details: What -q prints of a GPU.
    """
    rows = folder / "processes.csv"
    rows.write_text(processes)
    script = folder / "nvidia-smi"
    script.write_text(f"""#!/bin/sh
case "$*" in
-L) printf '%s' {shlex.quote(listing)}; exit {code};;
*query-compute-apps*) cat {shlex.quote(str(rows))};;
"-q -i"*) printf '%s' {shlex.quote(details)};;
*mig.mode*) printf '%s' {shlex.quote(mig_modes)};;
*-lms*) while printf '%s\\n' {shlex.quote(samples)}; do sleep 0.02; done;;
*) echo "not asked in tests: $*" >&2; exit 2;;
esac
""")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return rows
