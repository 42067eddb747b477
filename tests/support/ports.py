"""Ports for the parts that tests start."""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack

# Above those of the stacks of tests/e2e, below those that the kernel gives to outgoing connections: a part that was killed finds its
# port free when it comes back.
_RANGE = range(20_000, 32_000)
_choice = random.Random(os.getpid())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            listener = held.enter_context(socket.socket())
            port = _choice.choice(_RANGE)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
    return ports
