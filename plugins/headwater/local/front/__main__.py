"""`python -m headwater.local.front`: the local ClickHouse front as a program."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path

# The engine's allocator. By its own settings it gives back what was freed within 5 s, and pieces of 64 MiB and more at
# once, so that every large insert pays for fresh pages. Kept for up to 15 s, many are used again.
_ALLOCATOR = "oversize_threshold:0,dirty_decay_ms:15000"


def main() -> int:
    """Prepare the process, then serve."""
    options = _options()
    folders = {name: getattr(options, name).resolve() for name in ("data_dir", "spool_dir", "secrets")}
    log_file = options.log_file.resolve() if options.log_file else None
    logging.basicConfig(filename=log_file, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("data_dir", "spool_dir"):
        folders[name].mkdir(mode=0o700, parents=True, exist_ok=True)
    _enter_empty_folder(folders["spool_dir"] / "empty")
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ.setdefault("JE_MALLOC_CONF", _ALLOCATOR)
    # Only now: importing the engine already reads the time zone, the allocator's settings and `./config.xml`.
    from headwater.local.front.serve import Options, serve  # noqa: PLC0415

    return serve(
        Options(
            **folders,
            port=options.port,
            max_queries=options.max_queries,
            max_memory_bytes=options.max_memory_bytes,
            max_body_bytes=options.max_body_bytes,
        )
    )


def _enter_empty_folder(folder: Path) -> None:
    """Work in an empty folder: the engine reads its configuration there and shows its files as tables."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    os.chdir(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m headwater.local.front",
        description="The ClickHouse engine behind its HTTP interface, on 127.0.0.1 only.",
    )
    parser.add_argument(
        "--data-dir", type=Path, required=True, help="folder of the engine's data; one process at a time"
    )
    parser.add_argument("--spool-dir", type=Path, required=True, help="folder for bodies that do not fit into memory")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--secrets", type=Path, required=True, help="JSON file of mode 0600: owner, writer, reader")
    parser.add_argument("--max-queries", type=int, default=16, help="queries at once; more wait, then get error 202")
    parser.add_argument("--max-memory-bytes", type=int, default=4 << 30, help="memory of the engine")
    parser.add_argument("--max-body-bytes", type=int, default=4 << 30, help="largest body of a request")
    parser.add_argument("--log-file", type=Path, help="write the log here instead of to the terminal")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
