"""Compression of bodies, piece by piece in both directions."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

import lz4.frame
import zstandard

from headwater.local.front.problems import Problem


class Coder(Protocol):
    """Turns pieces of one stream into pieces of another."""

    def feed(self, data: bytes) -> bytes:
        """Translate one piece."""

    def finish(self) -> bytes:
        """The last piece; raises a `Problem` when a stream breaks off."""


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


PLAIN: Coder = _Plain()


class _Decoder:
    """Any object with `decompress`, which may meet several frames in a row."""

    def __init__(self, make: Any, errors: tuple[type[Exception], ...]) -> None:
        self._make = make
        self._errors = errors
        self._decoder = make()
        self._idle = True

    def feed(self, data: bytes) -> bytes:
        out = []
        try:
            while data:
                self._idle = False
                out.append(self._decoder.decompress(data))
                data = b""
                if self._decoder.eof:
                    data = self._decoder.unused_data or b""
                    self._decoder = self._make()
                    self._idle = True
        except self._errors as error:
            raise Problem(271, f"Cannot decompress the body: {error}", 400) from None
        return out[0] if len(out) == 1 else b"".join(out)

    def finish(self) -> bytes:
        if not self._idle:
            raise Problem(271, "Cannot decompress the body: it breaks off", 400)
        return b""


class _Encoder:
    """Any object with `compress` and `flush`."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    def feed(self, data: bytes) -> bytes:
        return bytes(self._encoder.compress(data))

    def finish(self) -> bytes:
        return bytes(self._encoder.flush())


class _Lz4Encoder(_Encoder):
    def __init__(self) -> None:
        super().__init__(lz4.frame.LZ4FrameCompressor())
        self._head = self._encoder.begin()

    def feed(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return bytes(head + self._encoder.compress(data))

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return bytes(head + self._encoder.flush())


def decoder(encoding: str) -> Coder | None:
    """The reader of a `Content-Encoding`; None for plain bodies."""
    if encoding in {"", "identity"}:
        return None
    if encoding == "lz4":
        return _Decoder(lz4.frame.LZ4FrameDecompressor, (RuntimeError, EOFError))
    if encoding == "zstd":
        return _Decoder(lambda: zstandard.ZstdDecompressor().decompressobj(), (zstandard.ZstdError,))
    if encoding in {"gzip", "x-gzip"}:
        return _Decoder(lambda: zlib.decompressobj(31), (zlib.error,))
    if encoding == "deflate":
        return _Decoder(lambda: zlib.decompressobj(15), (zlib.error,))
    raise Problem(48, f"Content-Encoding {encoding!r} is not supported; use lz4, zstd, gzip or deflate", 400)


def encoder(accepted: str) -> tuple[str, Coder] | None:
    """The first known of an `Accept-Encoding` with its writer; None to answer plainly."""
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    for name in ("lz4", "zstd", "gzip", "deflate"):
        if name in offered:
            return name, _encoder(name)
    return None


def _encoder(name: str) -> Coder:
    if name == "lz4":
        return _Lz4Encoder()
    if name == "zstd":
        return _Encoder(zstandard.ZstdCompressor(level=1).compressobj())
    return _Encoder(zlib.compressobj(3, zlib.DEFLATED, 31 if name == "gzip" else 15))
