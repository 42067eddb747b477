"""Write keys in a file of hashes that only its owner can read; a running collector sees changes at once."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from headwater.core.write_keys import PREFIX, WriteKey, demand_site, hash_key
from headwater.errors import FixSettings
from headwater.ports import Clock


class KeyFile:
    """The keys of one installation."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._keys: Mapping[str, WriteKey] = {}

    def keys(self) -> Mapping[str, WriteKey]:
        """Keys by their hash; the file is read again when it was changed."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return self._keys
        mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        if mark != self._seen:
            self._keys = self._read()
            self._seen = mark
        return self._keys

    def make(self, site: str) -> str:
        """A new key for `site`; it is returned here and kept nowhere."""
        key = PREFIX + secrets.token_hex(16)
        self.add(site, key)
        return key

    def add(self, site: str, key: str) -> None:
        """Let `key` write for `site`; repeating it changes nothing."""
        made = WriteKey(hash_key(key), demand_site(site), self._clock.now())
        with self._changing():
            keys = self.keys()
            if made.hash not in keys or keys[made.hash].site != site:
                self._write({**keys, made.hash: made})

    def revoke(self, key_id: str) -> WriteKey:
        """Take a key back by its id. Raises `FixSettings` unless exactly one has it."""
        with self._changing():
            keys = self.keys()
            found = [key for key in keys.values() if key_id and key.hash.startswith(key_id)]
            if len(found) != 1:
                raise FixSettings(
                    f"{len(found)} write keys have the id {key_id!r}. `headwater write-key list` shows them."
                )
            self._write({name: key for name, key in keys.items() if key is not found[0]})
            return found[0]

    def _read(self) -> dict[str, WriteKey]:
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                row["sha256"]: WriteKey(row["sha256"], row["site"], datetime.fromisoformat(row["made_at"]))
                for row in rows
            }
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FixSettings(f"{self._path} is not readable as a file of write keys.", path=self._path) from error

    def _write(self, keys: Mapping[str, WriteKey]) -> None:
        rows = [
            {"site": key.site, "made_at": key.made_at.isoformat(), "sha256": key.hash}
            for key in sorted(keys.values(), key=lambda key: (key.site, key.made_at))
        ]
        descriptor, fresh = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(rows, handle, indent=1)
        Path(fresh).replace(self._path)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
