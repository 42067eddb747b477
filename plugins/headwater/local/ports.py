"""Are the ports of the stack free? Asked before anything starts, answered with who has them."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil

from headwater.errors import FixSettings

_BASES = {
    "airflow": 8080,
    "clickhouse": 8123,
    "kafka": 9092,
    "kafka_controller": 9093,
    "s3": 9000,
    "consumer": 9108,
    "windows": 9109,
    "superset": 8088,
    "collector": 8090,
}


def require_free(ports: Mapping[str, int]) -> None:
    """Raise `FixSettings` naming every port of `ports` (setting name → port) that is taken or asked for twice."""
    seen: dict[int, str] = {}
    for name, port in ports.items():
        if port in seen:
            raise FixSettings(
                f"{seen[port]} and {name} are both to listen on port {port}. "
                f"Set HEADWATER_{name.upper()}_PORT to another port.",
                port=port,
            )
        seen[port] = name
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    if not taken:
        return
    lines = [
        f"Port {port} for {name.replace('_', ' ')} is taken{_by(port)}. "
        f"Stop that program, or set HEADWATER_{name.upper()}_PORT (now {port}) to a free port."
        for name, port in taken.items()
    ]
    lines.append("HEADWATER_PORT_OFFSET moves all ports at once. Nothing was started.")
    raise FixSettings("\n".join(lines), ports=sorted(taken.values()))


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket() as probe:
        # Without it, connections that a stopped stack left in TIME_WAIT would count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_offset(start: int, stop: int, step: int = 10) -> int:
    """The first port offset of the range at which every default port is free."""
    for offset in range(start, stop, step):
        if all(is_free(base + offset) for base in _BASES.values()):
            return offset
    raise FixSettings(f"No port offset between {start} and {stop} has all ports free.")


def _by(port: int) -> str:
    """Who listens on `port`, as far as this user may know."""
    try:
        owners = {
            found.pid
            for found in psutil.net_connections("inet")
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid
        }
        names = [f"{psutil.Process(pid).name()} (process {pid})" for pid in sorted(owners)]
    except psutil.Error:
        return ""
    return f" by {', '.join(names)}" if names else ""
