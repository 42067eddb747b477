"""Services wait for what they need: the schema and the topics may be made after they were started."""

from __future__ import annotations

import threading
from collections.abc import Callable

from headwater.app.watching import tell
from headwater.errors import FixSettings, Retry

_WAIT_S = 2.0


def until_ready(demand: Callable[[], object], stopping: threading.Event, *, wait: bool) -> bool:
    """Whether `demand` finds everything there; waits for it, or raises what is wrong where it shall not.

    False when it was told to stop meanwhile.
    """
    said = ""
    while True:
        try:
            demand()
        except (FixSettings, Retry) as error:
            if not wait:
                raise
            if str(error) != said:
                tell("waiting", reason=str(error))
                said = str(error)
        else:
            return True
        if stopping.wait(_WAIT_S):
            return False
