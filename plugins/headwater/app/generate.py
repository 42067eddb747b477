"""Write generated events as the four files that the loader reads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.blocks import Spec, generate


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written: events, and bytes per file."""

    events: int
    sizes_bytes: dict[Path, int]


def write_files(spec: Spec, folder: Path, tell: Callable[[int], None] = lambda _events: None) -> Generated:
    """Write `<stream>_events.jsonl` of all streams into `folder`; a file appears only when it is complete.

    Memory is bounded whatever the number of events; `tell` gets the number of events written so far.
    """
    folder.mkdir(parents=True, exist_ok=True)
    targets = {name: folder / stream.file_name for name, stream in FACT_STREAMS.items()}
    parts = {name: target.with_suffix(".part") for name, target in targets.items()}
    written = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context(part.open("wb")) for name, part in parts.items()}
        for block in generate(spec):
            for name, file in files.items():
                file.write("".join(f"{line}\n" for line in block.lines(name)).encode())
            written += len(block.browser)
            tell(written)
    for name, part in parts.items():
        part.replace(targets[name])
    return Generated(written, {target: target.stat().st_size for target in targets.values()})
