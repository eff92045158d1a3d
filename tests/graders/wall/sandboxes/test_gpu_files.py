"""The files that a sandbox binds for its GPUs, from a tree like that of a machine with two of them."""

import os
import platform

import pytest

from graders.failures import EngineFailure
from graders.wall.sandboxes.gpu_files import GpuFiles, driver_libraries, gpu_files
from tests.graders.wall.sandboxes.nvidia import MIG_0, MIG_1, MISMATCH, TWO, WITH_MIG, A, B, nvidia_smi

DETAILS = """
GPU 00000000:31:00.0
    MIG Mode
        Current                           : Enabled
        Pending                           : Enabled
    MIG Device
        Index                             : 0
        GPU Instance ID                   : 2
        Compute Instance ID               : 0
        Device Attributes
            Shared
    MIG Device
        Index                             : 1
        GPU Instance ID                   : 9
        Compute Instance ID               : 3
"""
CAPABILITIES = {"gi2/access": 21, "gi2/ci0/access": 22, "gi9/access": 84, "gi9/ci3/access": 88}
THIS, OTHER = ("x86-64", "AArch64") if platform.machine() == "x86_64" else ("AArch64", "x86-64")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Its root. The GPU that `nvidia-smi` calls 0 is /dev/nvidia1."""
    nvidia_smi(tmp_path, monkeypatch, WITH_MIG, details=DETAILS)
    dev, driver = tmp_path / "dev", tmp_path / "proc/driver/nvidia"
    dev.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset"):
        (dev / name).touch()
    for bus, uuid, minor in (("0000:31:00.0", A, 1), ("0000:b1:00.0", B, 0)):
        folder = driver / "gpus" / bus
        folder.mkdir(parents=True)
        text = f"Model: \t\t NVIDIA A100\nGPU UUID: \t {uuid}\nBus Location: \t {bus}\nDevice Minor: \t {minor}\n"
        (folder / "information").write_text(text)
    (dev / "nvidia-caps").mkdir()
    for path, minor in CAPABILITIES.items():
        file = driver / "capabilities/gpu1/mig" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"DeviceFileMinor: {minor}\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        (dev / "nvidia-caps" / f"nvidia-cap{minor}").touch()
    libraries(tmp_path, ("libcuda.so.1", "libcuda.so.550.54.15", THIS), ("libc.so.6", "libc.so.6", THIS))
    return tmp_path


def libraries(folder, *entries):
    """Makes an `ldconfig` that lists (name, file, processor)."""
    rows = []
    for name, file, processor in entries:
        lib = folder / "lib" / processor
        lib.mkdir(parents=True, exist_ok=True)
        (lib / file).touch()
        if name != file:
            (lib / name).unlink(missing_ok=True)
            (lib / name).symlink_to(file)
        rows.append(f"\t{name} (libc6,{processor}) => {lib / name}")
    script = folder / "ldconfig"
    text = "\n".join([f"{len(rows)} libs found in cache `/etc/ld.so.cache'", *rows])
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    script.chmod(0o755)


def names(files, root):
    return [str(path.relative_to(root / "dev")) for path in files.devices]


def test_a_whole_gpu_is_the_device_of_its_uuid_and_no_other_gpus(machine):
    assert names(gpu_files([B], machine), machine) == ["nvidiactl", "nvidia-uvm", "nvidia0"]


@pytest.mark.parametrize(("uuid", "first", "second"), [(MIG_0, 21, 22), (MIG_1, 84, 88)])
def test_a_mig_device_is_its_gpu_with_the_two_capabilities_of_its_own(machine, uuid, first, second):
    assert names(gpu_files([uuid], machine), machine) == [
        "nvidiactl", "nvidia-uvm", "nvidia1", f"nvidia-caps/nvidia-cap{first}", f"nvidia-caps/nvidia-cap{second}",
    ]  # fmt: skip


def test_two_mig_devices_of_one_gpu_share_its_device(machine):
    devices = names(gpu_files([MIG_0, MIG_1], machine), machine)
    assert devices.count("nvidia1") == 1
    assert len(devices) == 3 + 4


def test_a_mig_device_of_an_older_driver_has_its_instances_in_its_name(machine, monkeypatch):
    old = f"MIG-{A}/9/3"
    nvidia_smi(machine, monkeypatch, TWO.splitlines()[0] + f"\n  MIG 1g.5gb Device  0: (UUID: {old})\n")
    assert names(gpu_files([old], machine), machine)[-2:] == ["nvidia-caps/nvidia-cap84", "nvidia-caps/nvidia-cap88"]


def test_without_gpus_nothing_is_bound_and_nobody_is_asked(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, MISMATCH, code=18)
    assert gpu_files([], tmp_path) == GpuFiles((), {})


def test_libraries_are_the_drivers_files_for_this_processor_under_their_names(machine):
    libraries(
        machine,
        ("libcuda.so.1", "libcuda.so.550.54.15", OTHER),
        ("libcuda.so.1", "libcuda.so.550.54.15", THIS),
        ("libnvidia-ml.so.1", "libnvidia-ml.so.550.54.15", THIS),
        ("libnvidia-gpucomp.so.550.54.15", "libnvidia-gpucomp.so.550.54.15", THIS),
        ("libnvidia-glcore.so.550.54.15", "libnvidia-glcore.so.550.54.15", THIS),
        ("libc.so.6", "libc.so.6", THIS),
    )
    lib = machine / "lib" / THIS
    assert gpu_files([B], machine).libraries == driver_libraries() == {
        "libcuda.so.1": lib / "libcuda.so.550.54.15",
        "libnvidia-ml.so.1": lib / "libnvidia-ml.so.550.54.15",
        "libnvidia-gpucomp.so.550.54.15": lib / "libnvidia-gpucomp.so.550.54.15",
    }  # fmt: skip


def test_a_driver_without_its_library_is_a_failure_with_the_cure(machine):
    libraries(machine, ("libc.so.6", "libc.so.6", THIS))
    with pytest.raises(EngineFailure, match=r"ldconfig -p lists no libcuda\.so\.1: install"):
        gpu_files([B], machine)


def test_a_device_that_nobody_made_is_named_with_the_command_that_makes_it(machine):
    (machine / "dev/nvidia0").unlink()
    with pytest.raises(EngineFailure, match=r"dev/nvidia0: not there\. `nvidia-modprobe"):
        gpu_files([B], machine)


@pytest.mark.parametrize("spoil", ["proc/driver/nvidia/capabilities/gpu1/mig/gi2/access", "details"])
def test_a_mig_device_whose_capabilities_are_not_named_is_a_failure(machine, monkeypatch, spoil):
    if spoil == "details":
        nvidia_smi(machine, monkeypatch, WITH_MIG, details="")
    else:
        (machine / spoil).unlink()
    with pytest.raises(EngineFailure, match=r"does not name the device|lists no MIG device 0"):
        gpu_files([MIG_0], machine)


def test_a_gpu_that_the_driver_does_not_know_is_a_failure(machine):
    for uuid in ("GPU-unknown", A):  # A is in MIG mode: it is no device to lease
        with pytest.raises(EngineFailure, match=r"nothing below .*gpus names"):
            gpu_files([uuid], machine)


def test_libraries_are_listed_where_an_ordinary_users_path_lacks_ldconfig(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(driver_libraries(), dict)
    assert os.environ["PATH"] == str(tmp_path)
