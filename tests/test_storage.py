import errno
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from deploy_orchestrator.errors import MachineRefused
from deploy_orchestrator.storage import Cache, cache_key, write_whole

DAY = timedelta(days=1)


def entries(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.name != ".pruned"]


def age(file: Path, by: timedelta) -> None:
    then = time.time() - by.total_seconds()
    os.utime(file, (then, then))


def take_turns(folder: Path, writer: int) -> bool:
    """Writes and reads the same keys as others do; whether each answer was one that somebody wrote."""
    cache = Cache(folder)
    for turn in range(40):
        key = str(turn % 4)
        cache.write(key, f"{key} {writer} ".encode() * 5000)
        kept = cache.read(key)
        if kept is None or kept != kept[: len(kept) // 5000] * 5000 or not kept.startswith(key.encode()):
            return False
    return True


def test_what_was_written_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.read("a") is None
    assert "a" not in cache
    cache.write("a", b"1")
    cache.write("a", b"")
    assert (cache.read("a"), cache.read("b")) == (b"", None)
    assert "a" in cache
    assert cache.of("kind").read("a") is None


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache().of("kind")
    cache.write("a", b"1")
    cache.prune()
    assert cache.read("a") is None
    assert "a" not in cache


def test_a_key_may_be_anything_and_leaves_its_folder_by_no_way(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for key in ("../../out", "/etc/passwd", "a" * 5000, "", "a\0b", "A", "a"):
        cache.write(key, key.encode())
    assert cache.read("A") == b"A"
    assert cache.read("../../out") == b"../../out"
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_only_its_owner_reads_a_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.write("a", b"1")
    (file,) = entries(tmp_path)
    assert [path.stat().st_mode & 0o077 for path in (file, file.parent, tmp_path / "cache")] == [0, 0, 0]


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 40, 99])
def test_a_torn_entry_is_a_miss_and_is_written_anew(tmp_path: Path, cut: int) -> None:
    cache = Cache(tmp_path)
    cache.write("a", b"x" * 100)
    (file,) = entries(tmp_path)
    file.write_bytes(file.read_bytes()[:cut])
    assert cache.read("a") is None
    assert "a" not in cache
    cache.write("a", b"x" * 100)
    assert cache.read("a") == b"x" * 100


@pytest.mark.parametrize("at", [0, 31, 32, 131])
def test_an_altered_entry_is_a_miss(tmp_path: Path, at: int) -> None:
    cache = Cache(tmp_path)
    cache.write("a", b"x" * 100)
    (file,) = entries(tmp_path)
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    assert cache.read("a") is None


def test_threads_that_write_the_same_read_whole_entries(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(take_turns, [tmp_path] * 4, range(4)))
    assert len(entries(tmp_path)) == 4


def test_processes_that_write_the_same_read_whole_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        assert all(processes.map(take_turns, [tmp_path] * 2, range(2)))
    assert len(entries(tmp_path)) == 4


def test_what_nobody_asks_for_goes_and_what_somebody_reads_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, unused=30 * DAY)
    for key in ("read", "unread"):
        cache.write(key, key.encode())
    for file in entries(tmp_path):
        age(file, 31 * DAY)
    assert cache.read("read") == b"read"
    cache.prune()
    assert (cache.read("read"), cache.read("unread")) == (b"read", None)


def test_what_takes_too_much_room_goes_the_longest_unread_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, room=3 * 1032)
    for number in range(5):
        before = set(entries(tmp_path))
        cache.write(str(number), bytes(1000))
        (new,) = set(entries(tmp_path)) - before
        age(new, DAY * (5 - number))
    cache.read("0")
    cache.prune()
    assert [key for key in "01234" if key in cache] == ["0", "3", "4"]


def test_a_cache_prunes_itself_once_a_day_as_it_is_written(tmp_path: Path) -> None:
    cache = Cache(tmp_path, unused=DAY)
    cache.write("old", b"1")
    (file,) = entries(tmp_path)
    age(file, 2 * DAY)
    cache.write("new", b"2")
    assert "old" in cache
    age(tmp_path / ".pruned", 2 * DAY)
    cache.write("newer", b"3")
    assert [key for key in ("old", "new", "newer") if key in cache] == ["new", "newer"]


def test_what_a_killed_writer_left_goes_when_it_is_old(tmp_path: Path) -> None:
    cache = Cache(tmp_path, unused=DAY)
    cache.write("a", b"1")
    (file,) = entries(tmp_path)
    left = file.with_name(".writing-x")
    left.write_bytes(b"half")
    age(left, 2 * DAY)
    cache.prune()
    assert entries(tmp_path) == [file]


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole_with_the_rights_it_is_to_have(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"before")
    write_whole(file, b"after", durable=durable, mode=0o640)
    assert file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("step", ["fchmod", "fsync"])
def test_a_write_that_is_cut_short_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "file"
    file.write_bytes(b"before")
    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"after", durable=True)
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_told_with_the_file_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk(**_: object) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(tmp_path / "draft")

    monkeypatch.setattr(tempfile, "mkstemp", on_a_full_disk)
    with pytest.raises(MachineRefused) as refused:
        Cache(tmp_path).write("a", b"1")
    assert refused.value.what == os.strerror(errno.ENOSPC)
    assert refused.value.place is not None
    assert refused.value.place.file.startswith(str(tmp_path))
    assert "make room there" in (refused.value.fix or "")


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(MachineRefused, match="move away"):
        Cache(tmp_path / "cache").write("a", b"1")


def test_a_key_of_parts_tells_where_each_begins() -> None:
    assert len({cache_key("ab", "c"), cache_key("a", "bc"), cache_key("abc"), cache_key("abc", "")}) == 4
