"""What addresses, referrers and user agents tell."""

from __future__ import annotations

import pytest

from headwater.core.user_agents import Agent, read_agent
from headwater.core.web_pages import read_page


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example/product_a?x=1#top", "/product_a"),
        ("https://shop.example", "/"),
        ("/cart", "/cart"),
        ("cart", "/cart"),
        ("about:blank", "/blank"),
        ("https://shop.example/%D1%82?utm_source=a&utm_source=b", "/%D1%82"),
    ],
)
def test_the_path_is_as_the_address_has_it(url: str, path: str) -> None:
    assert read_page(url, "").path == path


def test_campaign_fields_are_decoded_and_the_first_of_equal_names_counts() -> None:
    page = read_page(
        "https://s.example/?utm_source=a%20b&utm_source=c&utm_medium=cpc&utm_content=x&utm_campaign=%C3%A9", ""
    )
    assert (page.utm_source, page.utm_medium, page.utm_content, page.utm_campaign) == ("a b", "cpc", "x", "é")
    assert read_page("https://s.example/?" + "&".join(f"utm_{n}=1" for n in range(200)), "").utm_source == ""


@pytest.mark.parametrize(
    ("referrer", "medium"),
    [
        ("", ""),
        ("https://shop.example/home", "internal"),
        ("https://www.google.co.uk/", "search"),
        ("https://www.google.com/search?q=x", "search"),
        ("https://yandex.ru/", "search"),
        ("https://m.facebook.com/", "social"),
        ("https://t.co/abc", "social"),
        ("https://x.com/", "social"),
        ("https://mail.google.com/mail", "email"),
        ("https://blog.example.org/x", "referral"),
        ("android-app://com.app", "referral"),
        ("not an address", "unknown"),
        ("https://[broken", "unknown"),
    ],
)
def test_the_medium_of_a_referrer(referrer: str, medium: str) -> None:
    page = read_page("https://shop.example/product_a", referrer)
    assert (page.referer_medium, page.referer_url) == (medium, referrer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Agent()),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            Agent("Firefox", "Linux", "Linux", "Desktop", False),
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Mobile Safari/537.36",
            Agent("Chrome Mobile", "Android 14", "Android", "Mobile", True),
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            Agent("Mobile Safari", "iOS 17.5", "iOS", "Tablet", True),
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Agent("Googlebot", "", "", "Bot", False),
        ),
    ],
)
def test_a_user_agent(text: str, expected: Agent) -> None:
    assert read_agent(text) == expected
