"""A jar is used only when it has the SHA-256 of the lock; others are fetched again."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jgo.env import LockFile
from jgo.env._lockfile import LockedDependency, compute_spec_hash
from jgo.maven import MavenContext

from headwater.assets import asset
from headwater.errors import FixSettings, Retry
from headwater.local import jars

_RIGHT = b"the bytes of a jar" * 1000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name of the base class
        """Log nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository on this machine that has two jars; yields the file of the first."""
    root = tmp_path / "served"
    for name in ("one", "two"):
        folder = root / "org" / "example" / name / "1.0"
        folder.mkdir(parents=True)
        (folder / f"{name}-1.0.jar").write_bytes(_RIGHT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(
        jars, "_context", lambda repository: MavenContext(repo_cache=repository, remote_repos={"here": address})
    )
    yield root / "org" / "example" / "one" / "1.0" / "one-1.0.jar"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of the two jars."""
    digest = hashlib.sha256(_RIGHT).hexdigest()
    path = tmp_path / "lock.toml"
    LockFile([LockedDependency("org.example", name, "1.0", sha256=digest) for name in ("one", "two")]).save(path)
    return path


def test_jars_are_fetched_and_then_used_without_the_repository(served: Path, lock: Path, tmp_path: Path) -> None:
    paths = jars.class_path(tmp_path / "cache", lock)
    assert [path.name for path in paths] == ["one-1.0.jar", "two-1.0.jar"]
    assert all(path.read_bytes() == _RIGHT for path in paths)
    served.unlink()
    assert jars.class_path(tmp_path / "cache", lock) == paths


@pytest.mark.parametrize("damage", [b"", _RIGHT[:-1], b"X" + _RIGHT[1:]], ids=["empty", "cut short", "one byte wrong"])
@pytest.mark.usefixtures("served")
def test_a_damaged_jar_is_fetched_again(lock: Path, tmp_path: Path, damage: bytes) -> None:
    one, two = jars.class_path(tmp_path / "cache", lock)
    one.write_bytes(damage)
    before = lock.read_bytes()
    kept = two.stat().st_mtime_ns
    assert jars.class_path(tmp_path / "cache", lock)[0].read_bytes() == _RIGHT
    assert two.stat().st_mtime_ns == kept
    assert lock.read_bytes() == before, "The committed lock was changed."


def test_a_repository_that_serves_other_bytes_is_refused(served: Path, lock: Path, tmp_path: Path) -> None:
    served.write_bytes(b"something else")
    with pytest.raises(FixSettings, match=r"do not have the SHA-256.*deleted"):
        jars.class_path(tmp_path / "cache", lock)
    assert not list((tmp_path / "cache").rglob("one-1.0.jar"))


def test_a_jar_that_cannot_be_fetched_asks_to_try_again(served: Path, lock: Path, tmp_path: Path) -> None:
    served.unlink()
    with pytest.raises(Retry, match=r"one-1\.0.*could not be fetched"):
        jars.class_path(tmp_path / "cache", lock)


def test_a_lock_without_digests_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lock.toml"
    LockFile([LockedDependency("org.example", "one", "1.0")]).save(path)
    with pytest.raises(FixSettings, match="no SHA-256"):
        jars.class_path(tmp_path / "cache", path)


def test_the_committed_lock_belongs_to_the_committed_list_and_names_no_host() -> None:
    text = asset(jars.LOCK).read_text()
    assert "://" not in text + asset(jars.SPEC).read_text()
    lock = LockFile.load(asset(jars.LOCK))
    assert lock.spec_hash == compute_spec_hash(asset(jars.SPEC)), (
        "kafka/jgo.toml has changed: run `python -m headwater.local.jars lock`."
    )
    assert all(len(dep.sha256 or "") == 64 for dep in lock.dependencies)
    assert "kafka_2.13" in {dep.artifactId for dep in lock.dependencies}
