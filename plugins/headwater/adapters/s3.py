"""S3 behind the port `ObjectStore`: AWS, Yandex Object Storage, SeaweedFS and the local server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from headwater.core.object_keys import StoredObject
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.ports import BrokenObject

_BUFFER_BYTES = 1 << 20
_CHANGED = {"412", "PreconditionFailed"}
_NOT_THERE = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_FORBIDDEN = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_SERVER_ERROR = 500


def s3_client(endpoint: str | None, access_key: str | None, secret_key: str | None, region: str = "us-east-1") -> Any:
    """A client; without keys boto3 looks for them itself."""
    import boto3  # noqa: PLC0415 - half a second that only those who use S3 wait for
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=5, read_timeout=60),
    )


class S3Objects:
    """Objects of one bucket; `client` is one of boto3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix`, in the order of their keys."""
        with _translated(f"s3://{self.bucket}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield StoredObject(found["Key"], found["ETag"].strip('"'), found["Size"])

    @contextmanager
    def open(self, stored: StoredObject) -> Iterator[BinaryIO]:
        """The bytes of the object as it was listed; whatever its size, a mebibyte of it is held at a time.

        A small one is read by one request: archives are read from their end, and each jump would be another.
        """
        with io.BufferedReader(_Remote(self._client, self.bucket, stored), _BUFFER_BYTES) as file:
            small = stored.size_bytes <= _BUFFER_BYTES
            yield io.BytesIO(file.read()) if small else cast("BinaryIO", file)

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        with _translated(f"s3://{self.bucket}/{key}"):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body)


class _Remote(io.RawIOBase):
    """An object as a file: read in one request from where it stands, and anew after a jump."""

    def __init__(self, client: Any, bucket: str, stored: StoredObject) -> None:
        super().__init__()
        self._client = client
        self._bucket = bucket
        self._stored = stored
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: archives are read from their end."""
        return True

    def tell(self) -> int:
        """Bytes before the next one."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size_bytes}[whence]
        if base + offset != self._position:
            self._drop()
            self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read what comes next."""
        if self._position >= self._stored.size_bytes:
            return 0
        with _translated(f"s3://{self._bucket}/{self._stored.key}", BrokenObject):
            if self._body is None:
                self._body = self._client.get_object(
                    Bucket=self._bucket, Key=self._stored.key, Range=f"bytes={self._position}-",
                    IfMatch=self._stored.etag,
                )["Body"]  # fmt: skip
            piece = self._body.read(len(buffer))
        if not piece:
            raise Retry(f"s3://{self._bucket}/{self._stored.key} ended early. Load it again.")
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Give the connection back."""
        self._drop()
        super().close()

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@contextmanager
def _translated(what: str, refused: type[HeadwaterError] = FixSettings) -> Iterator[None]:
    """Errors of S3 as errors of ours, `refused` where it gives nothing; they never carry keys."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _CHANGED:
            raise refused(f"{what} is another object than when it was listed ({code}). List and load again.") from None
        if code in _NOT_THERE:
            raise refused(f"There is no {what} ({code}). Check bucket, prefix and endpoint.") from None
        if code in _FORBIDDEN:
            raise refused(f"S3 does not let these keys use {what} ({code}). Check `s3_default`.") from None
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
            raise Retry(f"S3 has troubles of its own with {what}: {code}. Load it again.") from None
        raise Stop(f"S3 refused {what}: {code}. Check bucket, region and endpoint of `s3_default`.") from None
    except BotoCoreError as error:
        why = type(error).__name__
        raise Retry(f"S3 does not answer for {what}: {why}. Check that it runs, and the endpoint.") from None
