"""The cache finds a value by its text and by the code that computed it; without the cache everything still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assignments import cached as module
from assignments.cached import cached


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache file of this test."""
    monkeypatch.delenv("MEDMARK_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    another_process()
    yield tmp_path / "medmark" / "remembered.jsonl"
    another_process()


def another_process() -> None:
    module._lines.cache_clear()


@pytest.fixture
def computed() -> list[bytes]:
    """The texts whose length was computed, in order."""
    return []


@pytest.fixture
def length(computed: list[bytes]) -> Callable[..., int]:
    def compute(source: bytes) -> int:
        computed.append(source)
        return len(source)

    def length_of(source: bytes, maker: str = "length 1") -> int:
        return int(cached(maker, source, compute))

    return length_of


def test_a_value_is_computed_once_for_all_processes(
    file: Path, length: Callable[..., int], computed: list[bytes]
) -> None:
    assert [length(b"four"), length(b"four")] == [4, 4]
    another_process()
    assert length(b"four") == 4
    assert computed == [b"four"]


def test_another_text_or_maker_is_computed_again(file: Path, length: Callable[..., int], computed: list[bytes]) -> None:
    length(b"four")
    length(b"fours")
    length(b"four", maker="length 2")
    assert computed == [b"four", b"fours", b"four"]


@pytest.mark.parametrize("damage", [b"", b"{", b'["a"]\n', b"\xff\n", b'["a", 1]\n["cut off'])
def test_a_damaged_file_costs_only_time(
    file: Path, length: Callable[..., int], computed: list[bytes], damage: bytes
) -> None:
    file.parent.mkdir()
    file.write_bytes(damage)
    assert length(b"four") == 4
    assert computed == [b"four"]


def test_a_line_that_was_cut_off_does_not_harm_another(
    file: Path, length: Callable[..., int], computed: list[bytes]
) -> None:
    length(b"four")
    with file.open("ab") as lines:
        lines.write(b'\n["cut off')
    length(b"fours")
    another_process()
    assert [length(b"four"), length(b"fours")] == [4, 5]
    assert computed == [b"four", b"fours"]


def test_a_value_whose_line_was_cut_off_is_computed_again(
    file: Path, length: Callable[..., int], computed: list[bytes]
) -> None:
    length(b"four")
    file.write_bytes(file.read_bytes()[:-2])
    for _ in range(2):
        another_process()
        assert length(b"four") == 4
    assert computed == [b"four", b"four"]


def test_a_file_that_has_grown_too_large_starts_again(
    file: Path, length: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    for n in range(20):
        length(b"x" * n)
    assert file.stat().st_size > 1000
    another_process()
    length(b"four")
    assert file.read_bytes().count(b"\n") == 1


def test_without_a_cache_folder_a_process_keeps_its_own_values(
    length: Callable[..., int], computed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cache_folder", lambda: None)
    another_process()
    assert [length(b"four"), length(b"four")] == [4, 4]
    another_process()
    assert computed == [b"four"]


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, length: Callable[..., int], computed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "file" / "below")
    another_process()
    assert length(b"four") == 4
    another_process()
