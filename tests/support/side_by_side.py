"""How tests are dealt out where several processes test side by side."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class FileByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests stay with one process, and so do all that share the whole stack.

    Groups by mark (`--dist loadgroup`) are not seen with pytest 9.2: pytest-xdist 3.8 writes them into a field that is no longer read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "tests/e2e" if file.startswith("tests/e2e/") else file
