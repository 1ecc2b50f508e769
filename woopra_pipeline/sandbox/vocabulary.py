"""The words of a world: its cities, browsers, pages, names. All invented.

Each list becomes a table of JSON fragments from which the lines are put together.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pyarrow as pa

from woopra_pipeline.sandbox.texts import table


class City(NamedTuple):
    """A city as visit lines describe it."""

    continent: str
    country: str
    city: str
    timezone: str
    region: str
    post: str
    lat: float
    lng: float
    offset: str
    language: str


_CITIES = """
OC|AU|Sydney|Australia/Sydney|New South Wales|2000|-33.8688|151.2093|+10:00|English
OC|NZ|Auckland|Pacific/Auckland|Auckland|1010|-36.8485|174.7633|+12:00|English
NA|US|San Francisco|America/Los_Angeles|California|94103|37.7739|-122.4114|-08:00|English
NA|US|Seattle|America/Los_Angeles|Washington|98101|47.6101|-122.3344|-08:00|English
NA|US|Denver|America/Denver|Colorado|80202|39.7491|-104.9946|-07:00|English
NA|US|Chicago|America/Chicago|Illinois|60601|41.8858|-87.6181|-06:00|English
NA|US|New York|America/New_York|New York|10001|40.7506|-73.9972|-05:00|English
NA|CA|Montréal|America/Toronto|Québec|H2X|45.5088|-73.5669|-05:00|French
NA|MX|Mérida|America/Merida|Yucatán|97000|20.9674|-89.5926|-06:00|Spanish
SA|BR|São Paulo|America/Sao_Paulo|São Paulo|01000|-23.5505|-46.6333|-03:00|Portuguese
SA|AR|Rosario|America/Argentina/Buenos_Aires|Santa Fe|S2000|-32.9442|-60.6505|-03:00|Spanish
EU|GB|Leeds|Europe/London|England|LS1|53.7965|-1.5478|+00:00|English
EU|IE|Galway|Europe/Dublin|Connacht|H91|53.2719|-9.0489|+00:00|English
EU|FR|Lyon|Europe/Paris|Auvergne-Rhône-Alpes|69001|45.7676|4.8344|+01:00|French
EU|DE|Köln|Europe/Berlin|Nordrhein-Westfalen|50667|50.9384|6.9599|+01:00|German
EU|ES|Valencia|Europe/Madrid|Comunidad Valenciana|46001|39.4699|-0.3763|+01:00|Spanish
EU|IT|Torino|Europe/Rome|Piemonte|10121|45.0703|7.6869|+01:00|Italian
EU|PL|Łódź|Europe/Warsaw|Łódzkie|90-001|51.7769|19.4547|+01:00|Polish
EU|GR|Θεσσαλονίκη|Europe/Athens|Κεντρική Μακεδονία|546 21|40.6401|22.9444|+02:00|Greek
AF|NG|Lagos|Africa/Lagos|Lagos|100001|6.455|3.3941|+01:00|English
AF|ZA|Durban|Africa/Johannesburg|KwaZulu-Natal|4001|-29.8587|31.0218|+02:00|English
AS|IN|Pune|Asia/Kolkata|Maharashtra|411001|18.5204|73.8567|+05:30|English
AS|NP|Pokhara|Asia/Kathmandu|Gandaki|33700|28.2096|83.9856|+05:45|English
AS|JP|札幌|Asia/Tokyo|北海道|060-0001|43.0621|141.3544|+09:00|Japanese
AS|SG|Singapore|Asia/Singapore||018956|1.2897|103.8501|+08:00|English
||||||0.0|0.0|+00:00|
"""


def _city(row: str) -> City:
    continent, country, city, timezone, region, post, lat, lng, offset, language = row.split("|")
    place = float(lat), float(lng)
    return City(continent, country, city, timezone, region, post, *place, offset, language)


CITIES = tuple(_city(row) for row in _CITIES.strip().splitlines())
"""The last one is where visitors seem to be whom the service cannot locate."""

DEVICES = (
    # browser, os, device, screen
    ("Safari Mobile", "iPhone IOS18", "mobile", "390x844"),
    ("Safari Mobile", "iPhone IOS17", "mobile", "375x667"),
    ("Chrome Mobile", "Android 15", "mobile", "412x915"),
    ("Chrome Mobile", "Android 13", "mobile", "360x800"),
    ("Safari Mobile", "iPad IOS18", "tablet", "820x1180"),
    ("Chrome", "Windows 11", "desktop", "1920x1080"),
    ("Chrome", "Windows 10", "desktop", "1366x768"),
    ("Edge", "Windows 11", "desktop", "1536x864"),
    ("Firefox", "Windows 11", "desktop", "2560x1440"),
    ("Safari", "Mac OS X", "desktop", "1440x900"),
    ("Chrome", "Mac OS X", "desktop", "1728x1117"),
    ("Firefox", "Linux", "desktop", "1920x1200"),
)
BOT_DEVICE = ("Bot", "", "", "")

REFERRERS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"type": "direct"},
    {"query": "-encrypted-", "type": "search", "url": "https://search.example.net/"},
    {"query": "export visitor log", "type": "search", "url": "https://search.example.net/?q=export+visitor+log"},
    {"type": "link", "url": "https://blog.example.org/posts/12?from=\"tools\"&x=1"},
    {"type": "social", "url": "https://social.example.net/t/9QxkLw"},
    {"type": "email", "url": "https://mail.example.com/"},
)  # fmt: skip

SITE, APP = "www.example.com", "app.example.com"

PAGES = (
    (SITE, "Home", "/"),
    (SITE, "Pricing", "/pricing/"),
    (SITE, "About", "/about/"),
    (SITE, "Customers — “what they say”", "/customers/"),
    (SITE, "Blog", "/blog/"),
    (SITE, "Counting people, not cookies", "/blog/counting-people/"),
    (SITE, "Über uns", "/de/ueber-uns/"),
    (SITE, "価格", "/ja/pricing/"),
    (SITE, 'The "other" page \\ backslashes', "/other/?a=1&b=2"),
    (SITE, "Sign in", "/login/"),
    (APP, "Dashboard", "/"),
    (APP, "Reports", "/reports/"),
    (APP, "Report 📈", "/reports/42"),
    (APP, "Settings", "/settings/"),
    (APP, "Team\tmembers", "/settings/team/"),
)

EVENTS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    (SITE, "newsletter", {"list": "monthly", "double opt-in": True}),
    (SITE, "play", {"video": "tour", "seconds": 42.5}),
    (SITE, "search", {"query": "export “raw” log", "results": 7}),
    (APP, "report created", {"kind": "funnel", "steps": ["visit", "sign up"], "shared": False}),
    (APP, "report exported", {"format": "csv", "rows": 12873, "columns": None}),
    (APP, "invite", {"role": "admin", "to": {"team": "growth", "seats": 3}}),
    (APP, "payment", {"amount": 49, "currency": "EUR", "invoice.number": "2026-0017"}),
)

FIRST_NAMES = (
    "Ada", "Björn", "Chloé", "Dmitri", "Efua", "Farah", "Grace", "Haruto", "Inés", "Jürgen",
    "Katarzyna", "Liam", "Mei", "Noor", "Oluwaseun", "Pia", "Quentin", "Rosa", "Søren", "Tomás",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Brandt", "Castillo", "Dubois", "Eriksen", "Ferrari", "García", "Horvat", "Ivanova",
    "Jansen", "Kowalska", "Lindqvist", "Moreau", "Nguyen", "O'Brien", "Papadopoulos", "Quist",
    "Rossi", "Ćorić", "Tanaka",
)  # fmt: skip


def _in_address(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).lower()
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


FIRST_NAMES_IN_ADDRESSES: pa.Array = table(map(_in_address, FIRST_NAMES))
LAST_NAMES_IN_ADDRESSES: pa.Array = table(map(_in_address, LAST_NAMES))

COMPANIES: tuple[object, ...] = (
    "Acorn & Sons", "Blue Heron", 'The "Quoted" Company', "Dünen GmbH", "Empire of Tea", "Fjord",
    "株式会社サンプル", None, "Hill/Valley", "",
)  # fmt: skip
PLANS: tuple[object, ...] = ("free", "free", "free", "trial", "team", "enterprise", None)

TRAITS: tuple[Mapping[str, object], ...] = (
    *({},) * 12,
    {"last city": "Łódź"},
    {"score.total": 71},
    {"score.total": 12.25, "nickname": "“Qu\"o'te”"},
    {"address": {"street": "1 Sample Way", "lines": ["a", None, 3]}},
    {"opted in": False, "tags": ["beta", "日本"]},
    {"nickname": None},
)
"""Unusual properties of visitors."""

_TEXT_FIELDS = (
    *("continent", "country", "city", "timezone", "region", "post", "offset", "language"),
    *("browser", "os", "device", "screen", "resolution", "ip", "org", "description", "method"),
)
BLANK_VISIT: Mapping[str, object] = {
    **dict.fromkeys(_TEXT_FIELDS, ""),
    **dict.fromkeys(("second", "minute", "hour_of_day", "duration", "number"), 0),
    "lat": 0.0,
    "lng": 0.0,
    "referrer": {},
    "date": "1970-01-01",
    "time": 0,
}
"""The fields of a line that is no real visit."""

STANDARD_OFFSETS = np.array(
    [
        (-1 if city.offset[0] == "-" else 1) * (int(city.offset[1:3]) * 60 + int(city.offset[4:]))
        for city in CITIES
    ],
    dtype=np.int64,
)
"""Minutes each city's standard time is ahead of UTC."""


def offsets_at(instant: int) -> list[int]:
    """Minutes the clocks of each city are ahead of UTC at an instant in UNIX ms."""
    return list(_offsets_at(instant))


@cache
def _offsets_at(instant: int) -> tuple[int, ...]:
    moment = datetime.fromtimestamp(instant / 1_000, UTC)
    minutes = []
    for city in CITIES:
        offset = moment.astimezone(ZoneInfo(city.timezone or "UTC")).utcoffset() or timedelta()
        minutes.append(offset // timedelta(minutes=1))
    return tuple(minutes)


def json_text(value: object) -> str:
    """`value` as compact JSON."""
    return orjson.dumps(value).decode()


def members(fields: Mapping[str, object]) -> str:
    """The members of a JSON object without its braces, each followed by a comma."""
    return "".join(f"{json_text(key)}:{json_text(value)}," for key, value in fields.items())
