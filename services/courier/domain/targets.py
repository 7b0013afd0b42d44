"""What a URL leads to: a host that is connected to, or words why there is none."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

PORTS = {"http": 80, "https": 443}
MOST_OF_A_URL = 2048
_SHEET = re.compile(r"/spreadsheets/(?:u/\d+/)?d/(e/)?([A-Za-z0-9_-]{20,})(?:/.*)?")
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")
GOOGLE_DOCS = "docs.google.com"
CREDENTIALS = (
    "it holds a user or a password, which would be stored and shown with it: give them by "
    "courier.credentials for its host, and leave them out here"
)


class TargetError(Exception):
    """A URL leads nowhere that is fetched from; says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and where."""

    scheme: str
    host: str
    """In lower case; of a name that is not ASCII its IDNA form."""
    port: int
    url: str
    """The whole of it, without a fragment."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """As it may be told: parameters may hold a secret."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def parse_target(url: str) -> Target:
    """Read a URL.

    Raises:
        TargetError: It is none that is fetched; says why.
    """
    if len(url) > MOST_OF_A_URL or _UNSEEN.search(url):
        raise TargetError(
            f"a URL has no white space and at most {MOST_OF_A_URL:,} characters, unlike this one"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise TargetError(f"it is no URL: {error}") from error
    if parts.scheme not in PORTS:
        raise TargetError(
            f"only http and https are fetched, not '{parts.scheme or 'nothing'}': it looks like "
            "https://HOST/PATH"
        )
    if "@" in parts.netloc:
        raise TargetError(CREDENTIALS)
    host = _ascii(host.rstrip("."))
    if not host or port == 0:
        raise TargetError("it has no host, or no port that there is: it looks like https://HOST/")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], _whole(parts, host, port))


def follow(target: Target, location: str) -> Target:
    """Return where a redirect leads.

    Raises:
        TargetError: It leads nowhere that is fetched.
    """
    try:
        return parse_target(urljoin(target.url, location.strip()))
    except ValueError as error:
        raise TargetError(f"it is no URL: {error}") from error


def exported(url: str, form: str = "xlsx") -> str:
    """Return where the bytes are: of a Google Sheet, its export in a form; else what was given."""
    parts = urlsplit(url)
    if parts.hostname != GOOGLE_DOCS or not (found := _SHEET.fullmatch(parts.path)):
        return url
    published, sheet = found.groups()
    if published:
        return f"https://{GOOGLE_DOCS}/spreadsheets/d/e/{sheet}/pub?output={form}"
    if parts.path.endswith("/export"):
        return url
    return f"https://{GOOGLE_DOCS}/spreadsheets/d/{sheet}/export?format={form}"


def is_google_sheet(url: str) -> bool:
    """Tell whether a URL is one of a Google Sheet."""
    parts = urlsplit(url)
    return parts.hostname == GOOGLE_DOCS and parts.path.startswith("/spreadsheets/")


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise TargetError("its host is no name that there can be") from error


def _whole(parts: SplitResult, host: str, port: int | None) -> str:
    named = f"[{host}]" if ":" in host else host
    place = named if port is None or port == PORTS[parts.scheme] else f"{named}:{port}"
    return urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))
