"""Docker's stream is separated correctly however the bytes arrive. A pair of sockets stands for the engine."""

import random
import socket
from types import SimpleNamespace

import pytest

from graders.wall.sandboxes.docker_channel import STDERR_BYTES, DockerChannel

OUT, ERR = 1, 2


def piece(stream, data):
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.fixture
def line():
    """(the engine's end, the channel)"""
    engines_end, own_end = socket.socketpair()
    response = SimpleNamespace(close=lambda: None)
    attached = SimpleNamespace(_sock=own_end, _response=response, close=lambda: None)
    watch = SimpleNamespace(wait=lambda seconds: True, lost=None, exit_code=0, out_of_memory=False)
    channel = DockerChannel(None, "id", attached, watch)
    yield engines_end, channel
    engines_end.close()
    channel.close()


def read(channel, size):
    view = memoryview(bytearray(size))
    got = channel.readinto(view)
    return None if got is None else bytes(view[:got])


def test_words_on_stderr_without_end_do_not_keep_the_reader_from_its_deadline(line):
    engines_end, channel = line
    engines_end.sendall(piece(ERR, b"x" * 100) * 100 + piece(OUT, b"answer"))
    calls, got = 0, b""
    while not got:
        got, calls = read(channel, 16), calls + 1
    assert got == b"answer"[: len(got)]
    assert calls > 2, "it came back for its deadline in between"


def test_only_stdout_is_read_and_stderr_is_kept(line):
    engines_end, channel = line
    engines_end.sendall(piece(OUT, b"abc") + piece(ERR, b"oops") + piece(OUT, b"def"))
    assert read(channel, 100) == b"abcdef"
    assert channel.ending().text.endswith("oops")


def test_nothing_there_is_not_the_end(line):
    engines_end, channel = line
    assert read(channel, 10) == b""
    engines_end.shutdown(socket.SHUT_WR)
    assert read(channel, 10) is None


def test_a_prefix_may_come_in_parts(line):
    engines_end, channel = line
    for byte in piece(OUT, b"xyz")[:-2]:
        assert read(channel, 10) == b""
        engines_end.sendall(bytes([byte]))
    assert read(channel, 10) == b"x"
    engines_end.sendall(b"yz" + piece(OUT, b""))
    assert read(channel, 10) == b"yz"


def test_a_view_of_no_bytes_is_no_end(line):
    engines_end, channel = line
    engines_end.sendall(piece(OUT, b"a"))
    assert read(channel, 0) == b""
    assert read(channel, 1) == b"a"


def test_of_stderr_the_last_part_is_kept(line):
    engines_end, channel = line
    for number in range(40):
        engines_end.sendall(piece(ERR, b"%04d" % number * 256))
        assert read(channel, 4096) == b""
    text = channel.ending().text
    assert text.endswith("0039")
    assert len(text) <= STDERR_BYTES + 100


@pytest.mark.parametrize("seed", range(20))
def test_stdout_comes_whole_and_in_order_however_it_is_cut(line, seed):
    engines_end, channel = line
    dice = random.Random(seed)
    pieces = [(dice.choice([OUT, OUT, ERR]), dice.randbytes(dice.randrange(0, 300))) for _ in range(60)]
    stream = b"".join(piece(*part) for part in pieces)
    received = b""
    while stream:
        cut = dice.randrange(1, 400)
        engines_end.sendall(stream[:cut])
        stream = stream[cut:]
        while part := read(channel, dice.randrange(1, 500)):
            received += part
    assert received == b"".join(data for kind, data in pieces if kind == OUT)
