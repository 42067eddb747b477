"""The spool's folders and files, without an engine."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.local.front.spool import Spool


def spool_of(tmp_path: Path) -> Spool:
    for name in ("disk", "memory"):
        (tmp_path / name).mkdir(exist_ok=True)
    return Spool(tmp_path / "disk", tmp_path / "memory")


def test_files_are_private_unguessable_and_gone_after_removal(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    one, other = spool.create(0), spool.create_on_disk()
    assert one.path.name != other.path.name
    for file in (one, other):
        assert len(file.path.name) == 32
        assert file.path.stat().st_mode & 0o777 == 0o600
        file.write(b"rows")
        file.seal()
        assert file.path.read_bytes() == b"rows"
        spool.remove(file)
        spool.remove(file)
        assert not file.path.exists()
    spool.close()


def test_a_body_without_room_in_memory_goes_to_disk(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    big = spool.create(1 << 50)
    assert big.path.parent == tmp_path / "disk"
    spool.close()


def test_a_new_spool_removes_what_a_dead_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    living = spool_of(tmp_path)
    (tmp_path / "disk2").mkdir()
    dead = Spool(tmp_path / "disk2", tmp_path / "memory")
    assert living.memory is not None
    assert dead.memory is not None
    left_on_disk, kept = dead.create_on_disk().path, tmp_path / "disk2" / "engine.config"
    kept.touch()
    os.close(dead._lock)  # as the end of its process would
    again = Spool(tmp_path / "disk2", tmp_path / "memory")
    assert living.memory.exists()
    assert not dead.memory.exists()
    assert not left_on_disk.exists()
    assert kept.exists()
    again.close()
    living.close()
    assert list((tmp_path / "memory").iterdir()) == []
