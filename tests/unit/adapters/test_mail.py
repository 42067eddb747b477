"""Letters through a real SMTP conversation."""

from __future__ import annotations

import pytest

from headwater.adapters.mail import SmtpMail
from headwater.errors import FixSettings, Retry
from tests.support.mail import mail_server

SENDER, PEOPLE = "headwater@shop.example", ("ana@shop.example", "bo@shop.example")


def test_a_letter_reaches_everybody_with_its_subject_and_text() -> None:
    with mail_server() as server:
        SmtpMail(server.url, SENDER, PEOPLE).send("Headwater: purchases_drop fires", "5 purchases · 12 are usual.\n")
    (letter,) = server.letters
    assert (letter["Subject"], letter["From"]) == ("Headwater: purchases_drop fires", SENDER)
    assert letter.get_content().strip() == "5 purchases · 12 are usual."
    assert server.people == list(PEOPLE)


def test_a_server_that_refuses_or_is_away_means_later_again() -> None:
    with mail_server(refuses="451 too busy") as server:
        with pytest.raises(Retry, match="too busy"):
            SmtpMail(server.url, SENDER, PEOPLE).send("x", "y")
        url = server.url
    with pytest.raises(Retry, match="did not take the mail"):
        SmtpMail(url, SENDER, PEOPLE).send("x", "y")


def test_a_login_does_not_go_over_an_open_line() -> None:
    with mail_server() as server:
        url = server.url.replace("://", "://headwater:hush@")
        with pytest.raises(FixSettings, match="offers no TLS") as caught:
            SmtpMail(url, SENDER, PEOPLE).send("x", "y")
    assert "hush" not in str(caught.value)
    assert not [line for line in server.heard if "AUTH" in line]
    assert server.letters == []


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://"])
def test_an_address_that_is_none_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(FixSettings, match="HEADWATER_SMTP_URL must be like"):
        SmtpMail(url, SENDER, PEOPLE)
