"""The topic file: which topics there are, with their partitions and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headwater.errors import FixSettings


class _TopicSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: int | None = Field(default=None, ge=1, le=1000)
    config: Mapping[str, str | int | bool] = {}


class _TopicFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    defaults: _TopicSettings
    topics: Mapping[str, _TopicSettings]


class Topic(BaseModel):
    """One topic; settings are Kafka's own names with text values."""

    model_config = ConfigDict(frozen=True)

    name: str
    partitions: int
    config: Mapping[str, str]


def load_topics(path: Path) -> tuple[Topic, ...]:
    """Topics of the file, each with the defaults filled in. Raises `FixSettings` naming what is wrong."""
    try:
        parsed: Any = yaml.safe_load(path.read_text())
        file = _TopicFile.model_validate(parsed)
    except (yaml.YAMLError, ValidationError) as error:
        raise FixSettings(f"{path} is not a topic file: {error}", path=path) from error
    return tuple(
        Topic(
            name=name,
            partitions=settings.partitions or file.defaults.partitions or 1,
            config={k: _text(v) for k, v in {**file.defaults.config, **settings.config}.items()},
        )
        for name, settings in file.topics.items()
    )


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
