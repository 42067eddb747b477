"""Make pictures of dashboards fit for a repository: `python superset/shrink_pictures.py docs/img/*.png`.

Runs in Superset's environment, which has Pillow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

WIDTH = 1100
LARGEST_BYTES = 150_000
COLOURS = (256, 128, 64, 32)


def shrink(path: Path) -> int:
    """Scale the picture down and lessen its colours until it is small; returns its size in bytes."""
    picture = Image.open(path).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    for colours in COLOURS:
        fewer = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        fewer.save(path, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            break
    return path.stat().st_size


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(f"{name} {shrink(Path(name)):,} bytes\n")
