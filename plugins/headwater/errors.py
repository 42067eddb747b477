"""Every error of ours says which of four things must happen next: fix the settings, reject the event, retry, stop."""

from __future__ import annotations


class HeadwaterError(Exception):
    """Base of all errors raised on purpose; the message says what happened, where, and what to do."""

    exit_code = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class FixSettings(HeadwaterError):
    """Something about the installation or its settings is wrong; trying again unchanged cannot help."""

    exit_code = 2


class RejectEvent(HeadwaterError):
    """One event breaks the contract; its neighbours are not affected."""


class Retry(HeadwaterError):
    """A part is away or busy for now; the same call may succeed later."""

    exit_code = 75


class Busy(Retry):
    """There is more work than can be taken in now; the same call succeeds once some of it is done."""


class Stop(HeadwaterError):
    """Going on would risk wrong numbers; nothing further is written until a person has looked."""
