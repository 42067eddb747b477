"""The broker's jars: fetched once into a shared cache, and never used unless their SHA-256 is the committed one.

Run `python -m headwater.local.jars lock` after a change of `kafka/jgo.toml` to write `kafka/jgo.lock.toml` again.
"""

from __future__ import annotations

import fcntl
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.env import LockFile
from jgo.env._lockfile import LockedDependency, compute_sha256, compute_spec_hash
from jgo.maven import MavenContext

from headwater.assets import asset, project_root
from headwater.errors import FixSettings, HeadwaterError, Retry

SPEC = "kafka/jgo.toml"
LOCK = "kafka/jgo.lock.toml"
_TRIES = 3
_WORKERS = 8
_HTTP_TIMEOUT_S = 60


def class_path(cache: Path, lock_file: Path | None = None) -> tuple[Path, ...]:
    """Paths of all locked jars under `cache`, each verified; missing and damaged ones are fetched (again).

    Raises `Retry` when a jar cannot be fetched, and `FixSettings` when what the repository serves is not
    what was locked.
    """
    lock = _load(lock_file or asset(LOCK))
    repository = cache / "maven"
    repository.mkdir(parents=True, exist_ok=True)
    with _alone(repository):
        wrong: list[LockedDependency] = [dep for dep in lock.dependencies if not _intact(repository, dep)]
        for _ in range(_TRIES):
            if not wrong:
                break
            failure = _fetch(repository, wrong)
            wrong = [dep for dep in wrong if not _intact(repository, dep)]
        if wrong:
            raise _explain(repository, wrong, failure)
    return tuple(_path(repository, dep) for dep in lock.dependencies)


def missing(cache: Path) -> int:
    """How many jars `class_path` would have to fetch at least."""
    repository = cache / "maven"
    return sum(not _path(repository, dep).is_file() for dep in _load(asset(LOCK)).dependencies)


def write_lock(cache: Path) -> int:
    """Resolve `kafka/jgo.toml` and write its lock; returns the number of jars."""
    spec = asset(SPEC)
    context = _context(cache / "maven")
    wanted = tomllib.loads(spec.read_text(encoding="utf-8"))
    dependencies = [context.create_dependency(name) for name in wanted["dependencies"]["coordinates"]]
    inputs, transitive = context.resolver.resolve(dependencies)
    lock = LockFile.from_resolved_dependencies(
        [*inputs, *transitive],
        environment_name=wanted["environment"]["name"],
        entrypoints={"broker": wanted["entrypoints"]["broker"]},
        default_entrypoint="broker",
        spec_hash=compute_spec_hash(spec),
    )
    lock.dependencies.sort(key=lambda dep: (dep.groupId, dep.artifactId, dep.version))
    lock.save(spec.with_name(Path(LOCK).name))
    return len(lock.dependencies)


def _load(path: Path) -> LockFile:
    try:
        lock = LockFile.load(path)
    except (FileNotFoundError, ValueError) as error:
        raise FixSettings(f"The jar lock {path} cannot be read: {error}. Restore the file.", path=path) from error
    unhashed = [dep.artifactId for dep in lock.dependencies if not dep.sha256]
    if unhashed or not lock.dependencies:
        raise FixSettings(f"The jar lock {path} has no SHA-256 for {unhashed or 'any jar'}. Write the lock again.")
    return lock


def _context(repository: Path) -> MavenContext:
    return MavenContext(repo_cache=repository, timeout=_HTTP_TIMEOUT_S)


def _path(repository: Path, dep: LockedDependency) -> Path:
    suffix = f"-{dep.classifier}" if dep.classifier else ""
    folder = repository.joinpath(*dep.groupId.split("."), dep.artifactId, dep.version)
    return folder / f"{dep.artifactId}-{dep.version}{suffix}.{dep.packaging}"


def _intact(repository: Path, dep: LockedDependency) -> bool:
    path = _path(repository, dep)
    return path.is_file() and compute_sha256(path) == dep.sha256


def _fetch(repository: Path, wanted: Sequence[LockedDependency]) -> str:
    """Replace the files of `wanted`; returns the last failure, which the caller judges by the checksums."""
    context = _context(repository)

    def one(dep: LockedDependency) -> str:
        _path(repository, dep).unlink(missing_ok=True)
        component = context.project(dep.groupId, dep.artifactId).at_version(dep.version)
        try:
            component.artifact(dep.classifier or "", dep.packaging).resolve()
        except (OSError, RuntimeError) as error:
            return f"{dep.artifactId}: {error}"
        return ""

    with ThreadPoolExecutor(_WORKERS) as pool:
        return next(filter(None, pool.map(one, wanted)), "")


def _explain(repository: Path, wrong: Sequence[LockedDependency], failure: str) -> HeadwaterError:
    names = ", ".join(f"{dep.artifactId}-{dep.version}" for dep in wrong[:3])
    served = [dep for dep in wrong if _path(repository, dep).is_file()]
    for dep in served:
        _path(repository, dep).unlink()
    if served:
        return FixSettings(
            f"{len(wrong)} of Kafka's jars ({names}…) do not have the SHA-256 of {LOCK}; they were deleted. "
            "Something between here and the Maven repository changes downloads: check the proxy.",
            jars=names,
        )
    return Retry(
        f"{len(wrong)} of Kafka's jars ({names}…) could not be fetched from Maven Central ({failure}). "
        "Check the network connection and start again: what was fetched is kept.",
        jars=names,
    )


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """Two stacks that share a cache take turns."""
    with (repository / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    if sys.argv[1:] != ["lock"]:
        sys.exit("usage: python -m headwater.local.jars lock")
    sys.stdout.write(f"{write_lock(project_root() / '.headwater-cache')} jars are in {LOCK}\n")
