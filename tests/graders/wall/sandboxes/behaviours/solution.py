"""A solution with a function for each behaviour that tests of the sandboxes need."""

import contextlib
import ctypes
import getpass
import os
import signal
import socket
import sys
import threading
import time

import numpy as np

FRAMEWORK = "numpy"


def add(a, b):
    return a + b


def zeros(count):
    return np.zeros(count, np.float32)


def divide():
    return 1 / 0


def loop():
    while True:
        pass


def deaf_loop():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    loop()


def sleep(seconds):
    time.sleep(seconds)


def fill_memory(megabytes):
    arrays = [np.ones(2**20, np.uint8) for _ in range(megabytes)]
    return len(arrays)


def fork_sleepers(most):
    """Forks children that sleep, until the system refuses; how many there are."""
    for count in range(most):
        try:
            pid = os.fork()
        except BlockingIOError:
            return count
        if pid == 0:
            time.sleep(600)
            os._exit(0)
    return most


def fork_bomb():
    while True:
        with contextlib.suppress(BlockingIOError):
            os.fork()


def start_threads(most):
    """Starts threads until the system refuses; how many there are."""
    for count in range(most):
        try:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        except RuntimeError:
            return count
    return most


def leave_a_child():
    """A child in a session of its own, whose parent ends: its process id."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        child = os.fork()
        if child:
            os.write(write, str(child).encode())
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os.wait()
    return int(os.read(read, 32))


def be_traced():
    """A detached child holds on to this process as its tracer; whether the system lets it."""
    read, write = os.pipe()
    me = os.getpid()
    if os.fork() == 0:
        os.setsid()
        os.write(write, b"y" if ctypes.CDLL(None).ptrace(0x4206, me, 0, 0) == 0 else b"n")
        time.sleep(600)
    return os.read(read, 1) == b"y"


def _burn(seconds):
    while time.process_time() < seconds:
        pass
    os._exit(0)


def burn_in_children(seconds):
    for _ in range(2):
        if os.fork() == 0:
            _burn(seconds)
    time.sleep(600)


def burn_unseen(children, seconds):
    """Make children that no process waits for, one after the other."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(children):
        child = os.fork()
        if child == 0:
            _burn(seconds)
        while os.path.exists(f"/proc/{child}"):
            time.sleep(0.01)


def leave_a_burning_child():
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        _burn(600)
    os.wait()


def fill_all_memory():
    """Files in memory, then memory of its own, until the kernel ends it; as hard to kill as may be."""
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("0")
    for folder in (".", "/dev/shm"):
        with contextlib.suppress(OSError), open(os.path.join(folder, "full"), "wb") as file:
            for _ in range(1000):
                file.write(bytes(2**20))
    fill_memory(1000)


def system_v():
    """What of shared memory, semaphores and messages could be made."""
    libc = ctypes.CDLL(None)
    ids = {"memory": libc.shmget(0, 4096, 0o1600), "semaphore": libc.semget(0, 1, 0o1600)}
    ids["queue"] = libc.msgget(0, 0o1600)
    return [what for what, id in ids.items() if id >= 0]


def open_files(most):
    arrays = []
    for _ in range(most):
        try:
            arrays.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            return [len(arrays), error.errno]
    return [most, 0]


def opens_a_socket(family):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError as error:
        return error.errno
    return 0


def is_running(pid):
    return os.path.exists(f"/proc/{pid}")


def fill_disk(most_mb):
    """Writes files of 1 MB until the system refuses; megabytes written, and the error's number."""
    for count in range(most_mb):
        try:
            with open(f"full-{count}", "wb") as file:
                file.write(bytes(2**20))
        except OSError as error:
            return [count, error.errno]
    return [most_mb, 0]


def make_files(most, folder="."):
    for count in range(most):
        try:
            open(os.path.join(folder, f"empty-{count}"), "w").close()
        except OSError as error:
            return [count, error.errno]
    return [most, 0]


def sparse_file(size):
    try:
        with open("sparse", "wb") as file:
            file.truncate(size)
            return 0
    except OSError as error:
        return error.errno


def leave_files():
    for folder in (".", "/dev/shm"):
        with open(os.path.join(folder, "medmark-left"), "w") as file:
            file.write("left")


def files_left():
    return [folder for folder in (".", "/dev/shm") if os.path.exists(os.path.join(folder, "medmark-left"))]


def print_much(megabytes):
    line = "x" * 1023 + "\n"
    for _ in range(megabytes * 1024):
        sys.stdout.write(line)
    return megabytes


def leave():
    os._exit(0)


def crash():
    ctypes.string_at(0)


def print_a_frame():
    """Writes what looks like an answer where a naive marker would read it."""
    os.write(1, b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    return 1


def devices():
    rows = open("/proc/net/dev").read().splitlines()[2:]
    return sorted(row.split(":")[0].strip() for row in rows)


def connect(host, port):
    try:
        socket.create_connection((host, port), 2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def status():
    with open("/proc/self/status") as file:
        return dict(row.rstrip("\n").split(":\t", 1) for row in file if ":\t" in row)


def user():
    return getpass.getuser()


def readable(path):
    try:
        with open(path, "rb") as file:
            return len(file.read(100)) > 0
    except OSError:
        return False


def writable(path):
    try:
        with open(path, "ab"):
            return True
    except OSError:
        return False


def signal_the_keeper():
    try:
        os.kill(os.getppid(), signal.SIGKILL)
    except PermissionError:
        return "refused"
    return "sent"


def limit_the_keeper():
    import resource

    try:
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))
    except PermissionError:
        return "refused"
    return "done"


def new_user_namespace():
    return ctypes.CDLL(None).unshare(0x10000000)


def environment():
    return dict(os.environ)
