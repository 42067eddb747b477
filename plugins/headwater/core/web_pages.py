"""What the address of a page and of the page before it tell: path, campaign, kind of source."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

_MOST_PARAMETERS = 100
_SEARCH = frozenset(
    [
        "google",
        "bing",
        "duckduckgo",
        "yandex",
        "baidu",
        "yahoo",
        "ecosia",
        "qwant",
        "startpage",
        "naver",
        "seznam",
        "sogou",
        "kagi",
        "search.brave",
    ]
)
_SOCIAL = frozenset(
    [
        "facebook",
        "instagram",
        "twitter",
        "x",
        "t.co",
        "linkedin",
        "lnkd.in",
        "reddit",
        "vk",
        "ok",
        "youtube",
        "pinterest",
        "tiktok",
        "threads",
        "mastodon",
        "bsky",
        "telegram",
        "t.me",
        "whatsapp",
        "snapchat",
        "tumblr",
        "weibo",
        "quora",
    ]
)
_EMAIL = frozenset(
    ["mail.google", "outlook.live", "outlook.office", "mail.yahoo", "mail.yandex", "e.mail", "mail.proton", "gmx"]
)


class Page(NamedTuple):
    """Columns of the location part."""

    path: str
    referer_url: str
    referer_medium: str
    utm_medium: str
    utm_source: str
    utm_content: str
    utm_campaign: str


def read_page(url: str, referrer: str) -> Page:
    """The page at `url`; what cannot be read of a referrer is unknown. Raises `ValueError` for what is no address."""
    parts = urlsplit(url)
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    utm = _parameters(parts.query) if "utm_" in parts.query else {}
    return Page(
        path,
        referrer,
        _medium(referrer, _host(url)),
        utm.get("utm_medium", ""),
        utm.get("utm_source", ""),
        utm.get("utm_content", ""),
        utm.get("utm_campaign", ""),
    )


def _parameters(query: str) -> dict[str, str]:
    """The first value of each name counts."""
    try:
        pairs = parse_qsl(query, max_num_fields=_MOST_PARAMETERS, errors="replace")
    except ValueError:
        return {}
    return dict(reversed(pairs))


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _medium(referrer: str, own_host: str) -> str:
    """internal, search, social, email or referral; unknown where the referrer has no host; empty without one."""
    if not referrer:
        return ""
    host = _host(referrer)
    if not host:
        return "unknown"
    if host == own_host:
        return "internal"
    names = _names(host)
    for medium, known in (("email", _EMAIL), ("search", _SEARCH), ("social", _SOCIAL)):
        if not known.isdisjoint(names):
            return medium
    return "referral"


def _names(host: str) -> set[str]:
    """What a host may be known by: `www.google.co.uk` by `google`; `mail.google.com` by `mail.google`, too."""
    labels = host.split(".")
    short = {".".join(labels[-2:]), ".".join(labels[-3:-1]), ".".join(labels[-4:-2])}
    is_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in {"co", "com", "org", "net"}
    return short | {labels[-3] if is_country else labels[-2] if len(labels) > 1 else host}
