"""Write keys: hashed at rest, made, listed and revoked; and how fast each may write."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from headwater.adapters.clock import SystemClock
from headwater.adapters.write_keys import KeyFile
from headwater.core.write_keys import Bucket, find
from headwater.errors import FixSettings


def test_a_key_opens_its_site_until_it_is_revoked(tmp_path: Path) -> None:
    file, reader = (KeyFile(tmp_path / "secrets" / "keys.json", SystemClock()) for _ in range(2))
    assert find(reader.keys(), "") is None
    key, other = file.make("shop.example"), file.make("blog")
    known = find(reader.keys(), key)
    assert known is not None
    assert known.site == "shop.example"
    assert find(reader.keys(), key[:-1]) is None
    assert file.revoke(known.id) == known
    assert find(reader.keys(), key) is None
    assert find(reader.keys(), other) is not None
    with pytest.raises(FixSettings, match="0 write keys"):
        file.revoke(known.id)
    with pytest.raises(FixSettings, match="0 write keys"):
        file.revoke("")


def test_only_the_hash_is_kept_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = KeyFile(path, SystemClock()).make("shop")
    assert key not in path.read_text()
    assert key.removeprefix("hwk_") not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_adding_a_known_key_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    file = KeyFile(path, SystemClock())
    file.add("local", "abc")
    before = path.stat().st_ino
    file.add("local", "abc")
    assert path.stat().st_ino == before


@pytest.mark.parametrize("site", ["", "a/b", "x" * 64, 'a"b', "-a"])
def test_a_site_needs_a_plain_name(site: str, tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="no name of a site"):
        KeyFile(tmp_path / "keys.json", SystemClock()).make(site)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{")
    with pytest.raises(FixSettings, match=r"keys\.json is not readable"):
        KeyFile(path, SystemClock()).keys()


def test_a_bucket_allows_its_rate_and_a_burst() -> None:
    bucket = Bucket(10, 0)
    assert bucket.take(20, 0) == 0
    assert bucket.take(10, 0) == pytest.approx(1)
    assert bucket.take(10, 1) == 0
    assert bucket.take(100, 2.5) == pytest.approx(0.5)
    assert bucket.take(100, 3) == 0  # more than the burst: once, when the bucket is full
    assert bucket.take(1, 5) > 5
