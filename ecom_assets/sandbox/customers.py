"""The customers: names, addresses, tags and notes.

See `ecom_assets.sandbox.visits` for when they order, and `ecom_assets.sandbox.orders` for what.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from ecom_assets.sandbox.instants import iso_text
from ecom_assets.sandbox.seeded_random import choose, seeded_bytes

# a name and how it is written in an email address
_FIRST_NAMES = (
    ("Anna", "anna"), ("Björn", "bjoern"), ("Chloé", "chloe"), ("Đorđe", "dorde"), ("Emma", "emma"),
    ("François", "francois"), ("Grażyna", "grazyna"), ("Håkon", "hakon"), ("Inês", "ines"),
    ("Jürgen", "juergen"), ("Κατερίνα", "katerina"), ("Łukasz", "lukasz"), ("María", "maria"),
    ("Noah", "noah"), ("Özlem", "oezlem"), ("Paul", "paul"), ("Renée", "renee"), ("Siân", "sian"),
    ("Tõnis", "tonis"), ("Zoë", "zoe"),
)  # fmt: skip
_LAST_NAMES = (
    ("Müller", "mueller"), ("Nowak", "nowak"), ("O'Brien", "obrien"), ("García", "garcia"),
    ("Lefèvre", "lefevre"), ("Święcicka", "swiecicka"), ("Dvořák", "dvorak"), ("Smith", "smith"),
    ("Sørensen", "soerensen"), ("Virtanen", "virtanen"), ("Ångström", "angstroem"),
    ("Jones-Lloyd", "jones-lloyd"), ("Weiß", "weiss"), ("Παπαδόπουλος", "papadopoulos"),
    ("da Conceição", "da.conceicao"), ("Öztürk", "oeztuerk"), ("Rossi", "rossi"),
)  # fmt: skip
_STREETS = (
    "Hauptstraße", "Rue de l'Église", "Piotrkowska", "Calle Peñón", "High Street", "Mannerheimintie",
    "Náměstí Míru", "Große Bleichen", "Chemin des Prés", "Żurawia", "Church Lane",
)  # fmt: skip
# city, country, tax, what a postal code there looks like
_CITIES = (
    ("Berlin", "DE", 0.19, "10{:03d}"), ("Köln", "DE", 0.19, "50{:03d}"), ("Łódź", "PL", 0.23, "90-{:03d}"),
    ("Gdańsk", "PL", 0.23, "80-{:03d}"), ("Lyon", "FR", 0.2, "69{:03d}"), ("Málaga", "ES", 0.21, "29{:03d}"),
    ("London", "GB", 0.2, "E{} 6AN"), ("Helsinki", "FI", 0.255, "00{:03d}"), ("Brno", "CZ", 0.21, "60{:03d}"),
)  # fmt: skip
_TAGS = ("vip", "newsletter", "wholesale", "gift, wrapped", "B2B", "früher Vogel")
_NOTES = (
    "Prefers to be called",
    'Wants "no plastic", please',
    "Second bell;\nthe dog is friendly",
    "Grüße ausrichten 🙂",
    "Invoice to the office, \\2nd floor",
)


@dataclass(frozen=True)
class Customer:
    """A customer, without what their orders add: the number of orders and the time of changes."""

    id: int
    first_name: str
    last_name: str
    email: str
    street: str
    city: str
    postal_code: str
    country_code: str
    tax_rate: float
    accepts_marketing: bool
    tags: tuple[str, ...]
    note: str | None


def make_customer(seed: int, customer_id: int) -> Customer:
    """Return the customer with this id."""
    drawn = seeded_bytes(seed, "customer", customer_id)
    first, first_ascii = choose(_FIRST_NAMES, drawn[0])
    last, last_ascii = choose(_LAST_NAMES, drawn[1])
    city, country, tax_rate, postal = choose(_CITIES, drawn[2])
    return Customer(
        id=customer_id,
        first_name=first,
        last_name=last,
        email=f"{first_ascii}.{last_ascii}.{customer_id}@example.{'org' if drawn[3] < 64 else 'com'}",
        street=f"{choose(_STREETS, drawn[4])} {1 + drawn[5] % 180}",
        city=city,
        postal_code=postal.format(drawn[6]),
        country_code=country,
        tax_rate=tax_rate,
        accepts_marketing=drawn[7] < 100,
        tags=tuple(tag for bit, tag in enumerate(_TAGS) if drawn[8] >> bit & 1 and drawn[9] < 150),
        note=choose(_NOTES, drawn[10]) if drawn[11] < 60 else None,
    )


def customer_json_start(customer: Customer, orders: int, created: int) -> bytes:
    """Return the customer's JSON without its end, which is `updated_at` and the closing brace.

    Args:
        customer: The customer.
        orders: The number of their orders.
        created: Seconds since 1970 UTC.
    """
    return orjson.dumps(
        {
            "id": customer.id,
            "email": customer.email,
            "first_name": customer.first_name,
            "last_name": customer.last_name,
            "accepts_marketing": customer.accepts_marketing,
            "address": {"city": customer.city, "country_code": customer.country_code},
            "tags": customer.tags,
            "note": customer.note,
            "orders_count": orders,
            "created_at": iso_text(created),
        }
    )[:-1]
