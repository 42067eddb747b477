"""The events of the streams: the one definition from which everything else is derived."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from headwater.contracts.types import (
    EventId,
    EventTime,
    Flag,
    Label,
    Latitude,
    Longitude,
    OptionalTime,
    PersonalId,
    PersonalText,
    Pixels,
    Second,
    Text,
    Unsigned,
)


class Event(BaseModel):
    """Base of all events. Absent, `null` and `""` are the same; unknown fields are allowed."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        return {name: value for name, value in values.items() if value is not None and value != ""}


class BrowserEvent(Event):
    """Something that happened in a visitor's browser."""

    event_id: EventId = Field(
        description="Identity of the event; unique.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"]
    )
    event_timestamp: EventTime = Field(description="When it happened.", examples=["2026-01-31 23:59:59.123456"])
    event_type: Label = Field(description="What happened: `pageview` and others; an open set.", examples=["pageview"])
    click_id: EventId = Field(
        description="Links the event to its device and geo part.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a002"]
    )
    browser_name: Label = Field("", description="Name of the browser.", examples=["Firefox"])
    browser_language: Label = Field("", description="Preferred language of the browser.", examples=["de_DE"])
    browser_user_agent: Text = Field(
        "",
        description="The browser's own description of itself.",
        examples=["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"],
    )


class DeviceEvent(Event):
    """The device and user of a click_id; repeated once per event of the visit."""

    click_id: EventId = Field(
        description="Links to the browser events.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a002"]
    )
    os: Label = Field("", description="Operating system with version.", examples=["Android 14"])
    os_name: Label = Field("", description="Operating system.", examples=["Android"])
    os_timezone: Label = Field("", description="Time zone set on the device.", examples=["Europe/Berlin"])
    device_type: Label = Field("", description="Kind of device, such as Mobile or Desktop.", examples=["Mobile"])
    device_is_mobile: Flag = Field(None, description="Whether the device is mobile.", examples=[True])
    user_custom_id: PersonalText = Field(
        "", description="The user's e-mail address.", examples=["ada.berg1@example.com"]
    )
    user_domain_id: PersonalId = Field(description="The user.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a003"])


class GeoEvent(Event):
    """The place of a click_id; repeated once per event of the visit."""

    click_id: EventId = Field(
        description="Links to the browser events.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a002"]
    )
    geo_latitude: Latitude = Field(None, description="Degrees north; a JSON string or number.", examples=["50.45466"])
    geo_longitude: Longitude = Field(None, description="Degrees east; a JSON string or number.", examples=["30.5238"])
    geo_country: Label = Field("", description="ISO 3166-1 alpha-2 code.", examples=["UA"])
    geo_timezone: Label = Field("", description="IANA time zone of the place.", examples=["Europe/Kyiv"])
    geo_region_name: Label = Field("", description="Region within the country.", examples=["Kyiv"])
    ip_address: PersonalText = Field("", description="Address of the visitor.", examples=["192.0.2.7"])


class LocationEvent(Event):
    """The page of one browser event and where the visitor came from."""

    event_id: EventId = Field(
        description="The browser event it belongs to, one to one.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"]
    )
    page_url: Text = Field("", description="Address of the page.", examples=["https://shop.example/product_a"])
    page_url_path: Text = Field(
        description="Path of the page: `/confirmation` is a purchase, `/product_*` are product pages.",
        examples=["/product_a"],
    )
    referer_url: Text = Field("", description="Address of the page before.", examples=["https://www.google.com/"])
    referer_medium: Label = Field(
        "", description="Kind of the page before, such as internal or search.", examples=["search"]
    )
    utm_medium: Label = Field("", description="Campaign medium.", examples=["cpc"])
    utm_source: Label = Field("", description="Campaign source.", examples=["google"])
    utm_content: Label = Field("", description="Campaign content.", examples=["ad_1"])
    utm_campaign: Label = Field("", description="Campaign name.", examples=["spring_sale"])


class InteractionEvent(Event):
    """What a visitor did on a page and where: sent by the HTTP collector with the four parts of the same event."""

    event_id: EventId = Field(
        description="The event it belongs to; unique.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"]
    )
    click_id: EventId = Field(
        description="Links to the device and geo part.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a002"]
    )
    event_type: Label = Field(description="What was done: `click` and others; an open set.", examples=["click"])
    event_title: Text = Field("", description="Text of the element or title of the page.", examples=["Add to cart"])
    element_id: Label = Field("", description="Id of the element within its page.", examples=["add-to-cart"])
    x: Pixels = Field(None, description="CSS pixels from the left edge of the page.", examples=["412.5"])
    y: Pixels = Field(None, description="CSS pixels from the top of the page.", examples=["1080"])
    payload: Text = Field(
        "", description="The whole payload of the event as JSON text.", examples=['{"event_title":"Add to cart"}']
    )
    event_timestamp: OptionalTime = Field(
        None,
        description="When it happened; where it is absent, Kafka's time counts.",
        examples=["2026-01-31 23:59:59.123456"],
    )
    page_url_path: Text = Field("", description="Path of the page it happened on.", examples=["/product_a"])


class ClickEvent(Event):
    """A click on a product; counted in windows of time, not stored by itself."""

    product_id: Unsigned = Field(description="The product.", examples=[17])
    user_id: Text = Field("", description="Who clicked.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a003"])
    clicked_at: EventTime = Field(description="When it happened.", examples=["2026-01-31 23:59:59.123456"])


class AggregatedClicks(Event):
    """Clicks on a product in a window of time; a window may come in several messages, whose counts add up."""

    product_id: Unsigned = Field(description="The product.", examples=[17])
    count: Unsigned = Field(description="Clicks of the window that this message counts.", examples=[42])
    timestamp: Second = Field(description="Start of the window, in Unix seconds.", examples=[1769903940])
