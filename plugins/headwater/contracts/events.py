"""The events of the four streams: the one definition from which everything else is derived."""

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
    PersonalId,
    PersonalText,
    Text,
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

    event_id: EventId = Field(description="Identity of the event; unique.")
    event_timestamp: EventTime = Field(description="When it happened.")
    event_type: Label = Field(description="What happened: `pageview` and others; an open set.")
    click_id: EventId = Field(description="Links the event to its device and geo part.")
    browser_name: Label = Field("", description="Name of the browser.")
    browser_language: Label = Field("", description="Preferred language of the browser.")
    browser_user_agent: Text = Field("", description="The browser's own description of itself.")


class DeviceEvent(Event):
    """The device and user of a click_id; repeated once per event of the visit."""

    click_id: EventId = Field(description="Links to the browser events.")
    os: Label = Field("", description="Operating system with version.")
    os_name: Label = Field("", description="Operating system.")
    os_timezone: Label = Field("", description="Time zone set on the device.")
    device_type: Label = Field("", description="Kind of device, such as Mobile or Desktop.")
    device_is_mobile: Flag = Field(None, description="Whether the device is mobile.")
    user_custom_id: PersonalText = Field("", description="The user's e-mail address.")
    user_domain_id: PersonalId = Field(description="The user.")


class GeoEvent(Event):
    """The place of a click_id; repeated once per event of the visit."""

    click_id: EventId = Field(description="Links to the browser events.")
    geo_latitude: Latitude = Field(None, description="Degrees north; a JSON string or number.")
    geo_longitude: Longitude = Field(None, description="Degrees east; a JSON string or number.")
    geo_country: Label = Field("", description="ISO 3166-1 alpha-2 code.")
    geo_timezone: Label = Field("", description="IANA time zone of the place.")
    geo_region_name: Label = Field("", description="Region within the country.")
    ip_address: PersonalText = Field("", description="Address of the visitor.")


class LocationEvent(Event):
    """The page of one browser event and where the visitor came from."""

    event_id: EventId = Field(description="The browser event it belongs to, one to one.")
    page_url: Text = Field("", description="Address of the page.")
    page_url_path: Text = Field(
        description="Path of the page: `/confirmation` is a purchase, `/product_*` are product pages."
    )
    referer_url: Text = Field("", description="Address of the page before.")
    referer_medium: Label = Field("", description="Kind of the page before, such as internal or search.")
    utm_medium: Label = Field("", description="Campaign medium.")
    utm_source: Label = Field("", description="Campaign source.")
    utm_content: Label = Field("", description="Campaign content.")
    utm_campaign: Label = Field("", description="Campaign name.")
