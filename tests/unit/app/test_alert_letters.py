"""A letter goes out when an alert begins, concerns something more, or ends; not every hour."""

from __future__ import annotations

from headwater.app.alerts import Alert, AlertState, letter_of

DROP = Alert("purchases_drop", "One row when purchases drop.", "Look at the shop.")
CHECK = Alert("quality_check_fails", "One row per failing check.", "Look at ops.quality_latest.")


def _state(alert: Alert, *subjects: str) -> AlertState:
    return AlertState(alert, subjects, " ".join(f"{each} is bad." for each in subjects))


def test_an_alert_that_begins_says_what_is_the_matter_and_what_to_do() -> None:
    letter = letter_of([_state(DROP, "purchases"), _state(CHECK)], {})
    assert letter is not None
    assert letter.subject == "Headwater: purchases_drop fires"
    assert letter.text == (
        "purchases_drop: purchases is bad.\nWhat to do: Look at the shop.\n\nSee the dashboard Platform Health.\n"
    )


def test_what_goes_on_or_stays_quiet_is_no_news() -> None:
    assert letter_of([_state(DROP, "purchases"), _state(CHECK)], {"purchases_drop": ("purchases",)}) is None
    assert letter_of([_state(CHECK, "one")], {"quality_check_fails": ("one", "two")}) is None


def test_another_subject_is_news() -> None:
    letter = letter_of([_state(CHECK, "one", "two")], {"quality_check_fails": ("one",)})
    assert letter is not None
    assert letter.subject == "Headwater: quality_check_fails fires"


def test_an_end_is_news_and_what_goes_on_is_named_with_it() -> None:
    letter = letter_of(
        [_state(DROP), _state(CHECK, "one")], {"purchases_drop": ("purchases",), "quality_check_fails": ("one",)}
    )
    assert letter is not None
    assert letter.subject == "Headwater: purchases_drop has ended"
    assert "purchases_drop: has ended." in letter.text
    assert "quality_check_fails: goes on. one is bad." in letter.text
