"""The customers: who they are and where they live. When they come is `visits`', what they order `orders`'."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from ecom_assets.sandbox.instants import written
from ecom_assets.sandbox.seeded_random import dice, pick

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
class Person:
    """A customer, apart from what the shop counts and when."""

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


def person(seed: int, customer_id: int) -> Person:
    """Return the customer with this id."""
    rolled = dice(seed, "customer", customer_id)
    first, first_ascii = pick(_FIRST_NAMES, rolled[0])
    last, last_ascii = pick(_LAST_NAMES, rolled[1])
    city, country, tax_rate, postal = pick(_CITIES, rolled[2])
    return Person(
        id=customer_id,
        first_name=first,
        last_name=last,
        email=f"{first_ascii}.{last_ascii}.{customer_id}@example.{'org' if rolled[3] < 64 else 'com'}",
        street=f"{pick(_STREETS, rolled[4])} {1 + rolled[5] % 180}",
        city=city,
        postal_code=postal.format(rolled[6]),
        country_code=country,
        tax_rate=tax_rate,
        accepts_marketing=rolled[7] < 100,
        tags=tuple(tag for bit, tag in enumerate(_TAGS) if rolled[8] >> bit & 1 and rolled[9] < 150),
        note=pick(_NOTES, rolled[10]) if rolled[11] < 60 else None,
    )


def customer_fragment(who: Person, orders: int, created: int) -> bytes:
    """Return the customer's JSON without its end, to which `updated_at` and a closing brace belong."""
    return orjson.dumps(
        {
            "id": who.id,
            "email": who.email,
            "first_name": who.first_name,
            "last_name": who.last_name,
            "accepts_marketing": who.accepts_marketing,
            "address": {"city": who.city, "country_code": who.country_code},
            "tags": who.tags,
            "note": who.note,
            "orders_count": orders,
            "created_at": written(created),
        }
    )[:-1]
