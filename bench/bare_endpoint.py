"""What the collector is measured against: FastAPI endpoints that only parse. `python -m bench.bare_endpoint PORT`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()


class Event(BaseModel):
    """An event as one would write it down for FastAPI."""

    type: str
    session_id: str
    url: str
    created_at: datetime
    user_id: str | None = None
    user_agent: str = ""
    event_id: str | None = None
    referrer: str = ""
    language: str = ""
    timezone: str = ""
    payload: dict[str, Any] | None = None


@app.post("/json", status_code=202)
async def parse_json(request: Request) -> dict[str, int]:
    """Only `json.loads`."""
    return {"accepted": len(await request.json())}


@app.post("/models", status_code=202)
async def parse_models(events: list[Event]) -> dict[str, int]:
    """Parsed into models, the way that FastAPI's documentation shows."""
    return {"accepted": len(events)}


@app.get("/ready")
async def ready() -> dict[str, str]:
    """For whoever waits."""
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
