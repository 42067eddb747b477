"""What the visitors are made of: places, devices, ways to the shop, names, and addresses kept for documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A town, with its share of the visitors as a weight."""

    weight: int
    country: str
    region: str
    timezone: str
    latitude: str
    longitude: str
    language: str


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device with its browser; `{v}` in the user agent is one of the versions."""

    weight: int
    kind: str
    is_mobile: bool
    os: str
    os_name: str
    browser: str
    versions: range
    user_agent: str


@dataclass(frozen=True, slots=True)
class Source:
    """A way to the shop; of several contents and campaigns a visit has one each."""

    weight: int
    referer_url: str
    referer_medium: str
    utm_medium: str = ""
    utm_source: str = ""
    contents: tuple[str, ...] = ("",)
    campaigns: tuple[str, ...] = ("",)


PLACES = (
    Place(12, "US", "New York", "America/New_York", "40.71427", "-74.00597", "en_US"),
    Place(9, "US", "California", "America/Los_Angeles", "34.05223", "-118.24368", "en_US"),
    Place(7, "US", "Illinois", "America/Chicago", "41.85003", "-87.65005", "en_US"),
    Place(5, "US", "Texas", "America/Chicago", "29.76328", "-95.36327", "es_US"),
    Place(4, "CA", "Ontario", "America/Toronto", "43.70011", "-79.4163", "en_CA"),
    Place(2, "CA", "Québec", "America/Toronto", "45.50884", "-73.58781", "fr_CA"),
    Place(4, "MX", "Ciudad de México", "America/Mexico_City", "19.42847", "-99.12766", "es_MX"),
    Place(6, "BR", "São Paulo", "America/Sao_Paulo", "-23.5475", "-46.63611", "pt_BR"),
    Place(3, "BR", "Rio de Janeiro", "America/Sao_Paulo", "-22.90642", "-43.18223", "pt_BR"),
    Place(3, "AR", "Buenos Aires", "America/Argentina/Buenos_Aires", "-34.61315", "-58.37723", "es_AR"),
    Place(2, "CL", "Región Metropolitana", "America/Santiago", "-33.45694", "-70.64827", "es_CL"),
    Place(2, "CO", "Bogotá", "America/Bogota", "4.60971", "-74.08175", "es_CO"),
    Place(8, "GB", "England", "Europe/London", "51.50853", "-0.12574", "en_GB"),
    Place(2, "GB", "Scotland", "Europe/London", "55.95206", "-3.19648", "en_GB"),
    Place(2, "IE", "Leinster", "Europe/Dublin", "53.33306", "-6.24889", "en_IE"),
    Place(6, "FR", "Île-de-France", "Europe/Paris", "48.85341", "2.3488", "fr_FR"),
    Place(2, "FR", "Occitanie", "Europe/Paris", "43.60426", "1.44367", "fr_FR"),
    Place(6, "DE", "Berlin", "Europe/Berlin", "52.52437", "13.41053", "de_DE"),
    Place(4, "DE", "Bayern", "Europe/Berlin", "48.13743", "11.57549", "de_DE"),
    Place(2, "AT", "Wien", "Europe/Vienna", "48.20849", "16.37208", "de_AT"),
    Place(2, "CH", "Zürich", "Europe/Zurich", "47.36667", "8.55", "de_CH"),
    Place(3, "NL", "Noord-Holland", "Europe/Amsterdam", "52.37403", "4.88969", "nl_NL"),
    Place(2, "BE", "Bruxelles", "Europe/Brussels", "50.85045", "4.34878", "fr_BE"),
    Place(4, "ES", "Madrid", "Europe/Madrid", "40.4165", "-3.70256", "es_ES"),
    Place(2, "PT", "Lisboa", "Europe/Lisbon", "38.71667", "-9.13333", "pt_PT"),
    Place(4, "IT", "Lombardia", "Europe/Rome", "45.46427", "9.18951", "it_IT"),
    Place(2, "SE", "Stockholm", "Europe/Stockholm", "59.33258", "18.0649", "sv_SE"),
    Place(1, "NO", "Oslo", "Europe/Oslo", "59.91273", "10.74609", "nb_NO"),
    Place(1, "DK", "Hovedstaden", "Europe/Copenhagen", "55.67594", "12.56553", "da_DK"),
    Place(1, "FI", "Uusimaa", "Europe/Helsinki", "60.16952", "24.93545", "fi_FI"),
    Place(4, "PL", "Mazowieckie", "Europe/Warsaw", "52.22977", "21.01178", "pl_PL"),
    Place(2, "CZ", "Praha", "Europe/Prague", "50.08804", "14.42076", "cs_CZ"),
    Place(3, "UA", "Kyiv", "Europe/Kyiv", "50.45466", "30.5238", "uk_UA"),
    Place(2, "RO", "București", "Europe/Bucharest", "44.43225", "26.10626", "ro_RO"),
    Place(2, "GR", "Attica", "Europe/Athens", "37.98376", "23.72784", "el_GR"),
    Place(4, "TR", "İstanbul", "Europe/Istanbul", "41.01384", "28.94966", "tr_TR"),
    Place(2, "EG", "Al Qāhirah", "Africa/Cairo", "30.06263", "31.24967", "ar_EG"),
    Place(3, "NG", "Lagos", "Africa/Lagos", "6.45407", "3.39467", "en_NG"),
    Place(2, "KE", "Nairobi", "Africa/Nairobi", "-1.28333", "36.81667", "en_KE"),
    Place(2, "ZA", "Gauteng", "Africa/Johannesburg", "-26.20227", "28.04363", "en_ZA"),
    Place(1, "IL", "Tel Aviv", "Asia/Jerusalem", "32.08088", "34.78057", "he_IL"),
    Place(2, "AE", "Dubai", "Asia/Dubai", "25.07725", "55.30927", "ar_AE"),
    Place(6, "IN", "Maharashtra", "Asia/Kolkata", "19.07283", "72.88261", "en_IN"),
    Place(5, "IN", "Karnataka", "Asia/Kolkata", "12.97194", "77.59369", "hi_IN"),
    Place(3, "ID", "Jakarta", "Asia/Jakarta", "-6.21462", "106.84513", "id_ID"),
    Place(2, "TH", "Bangkok", "Asia/Bangkok", "13.75398", "100.50144", "th_TH"),
    Place(2, "VN", "Hồ Chí Minh", "Asia/Ho_Chi_Minh", "10.82302", "106.62965", "vi_VN"),
    Place(2, "PH", "Metro Manila", "Asia/Manila", "14.6042", "120.9822", "en_PH"),
    Place(1, "SG", "Singapore", "Asia/Singapore", "1.28967", "103.85007", "en_SG"),
    Place(5, "JP", "Tōkyō", "Asia/Tokyo", "35.6895", "139.69171", "ja_JP"),
    Place(3, "KR", "Seoul", "Asia/Seoul", "37.566", "126.9784", "ko_KR"),
    Place(3, "AU", "New South Wales", "Australia/Sydney", "-33.86785", "151.20732", "en_AU"),
    Place(1, "NZ", "Auckland", "Pacific/Auckland", "-36.84853", "174.76349", "en_NZ"),
)

_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
_IPAD = "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 "

_BLINK_VERSIONS = range(120, 140)
_GECKO_VERSIONS = range(115, 135)
_SAFARI_VERSIONS = range(16, 19)

DEVICES = (
    Device(
        22, "Desktop", False, "Windows 10", "Windows", "Chrome", _BLINK_VERSIONS, _WINDOWS + _BLINK + "Safari/537.36"
    ),
    Device(
        7,
        "Desktop",
        False,
        "Windows 10",
        "Windows",
        "Edge",
        _BLINK_VERSIONS,
        _WINDOWS + _BLINK + "Safari/537.36 Edg/{v}.0.0.0",
    ),
    Device(
        5,
        "Desktop",
        False,
        "Windows 10",
        "Windows",
        "Firefox",
        _GECKO_VERSIONS,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    ),
    Device(7, "Desktop", False, "macOS 14", "macOS", "Chrome", _BLINK_VERSIONS, _MAC + _BLINK + "Safari/537.36"),
    Device(
        6,
        "Desktop",
        False,
        "macOS 14",
        "macOS",
        "Safari",
        _SAFARI_VERSIONS,
        _MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.0 Safari/605.1.15",
    ),
    Device(
        3,
        "Desktop",
        False,
        "Ubuntu",
        "Linux",
        "Firefox",
        _GECKO_VERSIONS,
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    ),
    Device(
        18,
        "Mobile",
        True,
        "iOS 17.6",
        "iOS",
        "Safari",
        _SAFARI_VERSIONS,
        _IPHONE + "Version/{v}.0 Mobile/15E148 Safari/604.1",
    ),
    Device(
        3,
        "Mobile",
        True,
        "iOS 17.6",
        "iOS",
        "Chrome",
        _BLINK_VERSIONS,
        _IPHONE + "CriOS/{v}.0.0.0 Mobile/15E148 Safari/604.1",
    ),
    Device(
        19,
        "Mobile",
        True,
        "Android 14",
        "Android",
        "Chrome",
        _BLINK_VERSIONS,
        "Mozilla/5.0 (Linux; Android 10; K) " + _BLINK + "Mobile Safari/537.36",
    ),
    Device(
        4,
        "Mobile",
        True,
        "Android 14",
        "Android",
        "Samsung Internet",
        range(23, 26),
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/{v}.0 "
        "Chrome/115.0.0.0 Mobile Safari/537.36",
    ),
    Device(
        2,
        "Mobile",
        True,
        "Android 14",
        "Android",
        "Firefox",
        _GECKO_VERSIONS,
        "Mozilla/5.0 (Android 14; Mobile; rv:{v}.0) Gecko/{v}.0 Firefox/{v}.0",
    ),
    Device(
        4,
        "Tablet",
        True,
        "iPadOS 17.6",
        "iPadOS",
        "Safari",
        _SAFARI_VERSIONS,
        _IPAD + "Version/{v}.0 Mobile/15E148 Safari/604.1",
    ),
)

_ADS = ("ad_1", "ad_2", "ad_3")

SOURCES = (
    Source(26, "", ""),
    Source(20, "https://www.google.com/", "search", "organic", "google"),
    Source(3, "https://www.bing.com/", "search", "organic", "bing"),
    Source(16, "https://www.google.com/", "search", "cpc", "google", _ADS, ("spring_sale", "brand")),
    Source(11, "https://www.facebook.com/", "social", "paid_social", "facebook", _ADS, ("spring_sale", "new_arrivals")),
    Source(10, "https://www.instagram.com/", "social", "paid_social", "instagram", _ADS, ("new_arrivals",)),
    Source(8, "", "email", "email", "newsletter", ("header", "footer"), ("weekly_1", "weekly_2")),
    Source(6, "https://blog.example.org/reviews", "referral", "referral", "blog"),
)

_FIRST = (
    "ada alan alice amir ana anders anna arjun asa ben bruno carla carmen chen clara dana daniel diego elena elif "
    "emma erik eva fatima felix femi finn gita hana hugo ida ines ivan jack jana jonas julia kaito karim kofi "
    "lara lena leo lin luca lucia maja marco maria mei mila nadia nina noah nora olga omar otto paula pedro petra "
    "priya rosa sam sara sofia sven tara theo tomas uma vera victor wei yara yuki zoe"
)
_LAST = (
    "adams alvarez bauer becker berg brown campos chen costa dahl diaz dubois eze fischer fontana garcia gomez "
    "haas hall hansen hill ito jansen jones kaya keller khan kim kovacs kumar lang larsen lee lopez maier marino "
    "martin mensah meyer moreau mori nagy nguyen novak okafor olsen ortiz park patel pereira petrov popescu reyes "
    "rossi roth sato schmidt silva singh smith souza suzuki tanaka torres vogel walker wang weber wolf wood "
    "yilmaz young zhang"
)
FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(_LAST.split())
MAIL_HOSTS = ("example.com", "example.org", "example.net")
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
