"""`python -m headwater.local.native`: compile the code that reads messages of Kafka, once for each version of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from headwater.adapters.kafka_native import SOURCE, built_library, client_library

_COMPILERS = ("cc", "gcc", "clang")


def build() -> Path | None:
    """The compiled code, made where it is missing; None where this machine cannot make it.

    It is linked to the very library that the client brought: it calls that one's functions on its objects.
    """
    target, client = built_library(), client_library()
    if target is None or client is None:
        return None
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if target.exists() or compiler is None:
        return target if target.exists() else None
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_suffix(".new")
    subprocess.run(
        [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", str(SOURCE), "-o", str(made),
         f"-L{client.parent}", f"-l:{client.name}", f"-Wl,-rpath,{client.parent}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    made.replace(target)
    return target


def main() -> int:
    """Build, and say what follows when that is not possible; it never stops a set-up."""
    try:
        built = build()
    except (subprocess.CalledProcessError, OSError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        built = None
    if built is None:
        print(
            "Messages of Kafka are read without compiled code, which takes two fifths longer. "
            "With a C compiler (Debian: `apt install gcc libc6-dev`), `python -m headwater.local.native` makes it.",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
