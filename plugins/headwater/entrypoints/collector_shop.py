"""A demo shop whose visits are events: home → product → cart → payment → confirmation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from string import Template

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse

from headwater.assets import asset
from headwater.settings import Settings

# Their paths are those that purchases and product views are told by.
PAGES = ("home", "product_a", "product_b", "cart", "payment", "confirmation")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "Cache-Control": "no-store",
}


def shop_router(settings: Settings) -> APIRouter:
    """The pages, with the write key of the settings in them: write keys are no secrets from visitors."""
    router = APIRouter(include_in_schema=False)
    key = settings.collector_write_key.get_secret_value() if settings.collector_write_key else ""
    frame = Template(asset("tracker/shop/page.html").read_text(encoding="utf-8"))
    for name in PAGES:
        text = asset(f"tracker/shop/{name}.html").read_text(encoding="utf-8")
        first, _, body = text.partition("\n")
        title = first.removeprefix("<!-- ").removesuffix(" -->")
        router.add_api_route(f"/{name}", _page(frame.substitute(title=title, write_key=escape(key), body=body)))

    @router.get("/")
    async def root() -> RedirectResponse:
        return RedirectResponse("/home")

    return router


def _page(text: str) -> Callable[[], Awaitable[HTMLResponse]]:
    async def page() -> HTMLResponse:
        return HTMLResponse(text, headers=_HEADERS)

    return page
