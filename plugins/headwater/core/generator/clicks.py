"""Clicks on products: a seeded stream with a skewed popularity and some that come late or make no sense."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic_core import to_json

_USERS = 500
# The most popular product has about 1/8 of the clicks of a hundred products (Zipf's law with exponent 0.9).
_SKEW = 0.9


@dataclass(frozen=True, slots=True)
class ClickSpec:
    """What to send: clicks per second, seconds, products, and the shares that are out of order and broken."""

    rate: float
    duration_s: float
    products: int = 100
    out_of_order_s: float = 5.0
    broken: float = 0.0
    seed: int = 1

    @property
    def clicks(self) -> int:
        """Clicks in all."""
        return round(self.rate * self.duration_s)


@dataclass(frozen=True, slots=True)
class Click:
    """One message: when to send it, in seconds from the start, its product, and how long before it happened."""

    due_s: float
    product_id: int
    user_id: UUID
    delay_s: float
    is_broken: bool

    def message(self, now: datetime) -> tuple[bytes, bytes]:
        """Key and value of the message when it is sent at `now`."""
        at = now - timedelta(seconds=self.delay_s)
        body = {
            "product_id": "none" if self.is_broken else self.product_id,
            "user_id": str(self.user_id),
            "clicked_at": f"{at:%Y-%m-%d %H:%M:%S.%f}",
        }
        return str(self.product_id).encode(), to_json(body)


def clicks(spec: ClickSpec) -> Iterator[Click]:
    """The clicks in the order in which they are sent; equal specs give equal clicks."""
    rng = random.Random(f"clicks:{spec.seed}")  # noqa: S311 - made-up data
    weights = [1 / rank**_SKEW for rank in range(1, spec.products + 1)]
    products = rng.sample(range(1, spec.products + 1), spec.products)
    users = [UUID(int=rng.getrandbits(128), version=4) for _ in range(_USERS)]
    for number in range(spec.clicks):
        yield Click(
            number / spec.rate,
            rng.choices(products, weights)[0],
            rng.choice(users),
            rng.uniform(0, spec.out_of_order_s),
            rng.random() < spec.broken,
        )
