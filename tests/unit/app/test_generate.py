"""Files of generated events."""

from __future__ import annotations

from pathlib import Path

from headwater.app.generate import write_files
from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.blocks import Spec


def test_writes_a_complete_file_per_stream_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[int] = []
    done = write_files(Spec(25_000), tmp_path / "new" / "folder", told.append)
    assert done.events == 25_000
    assert told == sorted(told)
    assert told[-1] == 25_000
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        stream.file_name for stream in FACT_STREAMS.values()
    )
    for path, size in done.sizes_bytes.items():
        content = path.read_bytes()
        assert len(content) == size
        assert content.count(b"\n") == 25_000
        assert content.endswith(b"}\n")
