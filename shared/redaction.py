"""Keeps secrets out of whatever leaves a process: logs, reasons, statuses, terminals, traces.

A secret is made known where it is read; from then on ``redact`` replaces it in every form in which
it may come back: as it is, escaped, percent-encoded, in base64. Beside the known ones it replaces
what has the shape of a secret: passwords in URLs, bearer tokens, keys of the usual makers.
"""

import base64
import html
import json
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

HIDDEN = "***"
SHORTEST = 4
"""Fewer characters are no secret, and occur everywhere."""
SHORT = 8
"""Fewer characters are replaced where they stand by themselves, not within a word."""
SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:password|api_?key|key|secret|token)$")
"""What settings that hold secrets are called."""
FILES = frozenset({"tls_key"})
"""Settings of such a name that hold the path of a file."""
PARAMETER = (
    r"(?:[\w-]{0,40}(?:api[-_]?key|access[-_]?key|subscription-key|token|secret|password|signature)"
    r"|key|sig|code|auth|pwd|pass)"
)
SHAPES = (  # each part is bounded: a text made for it must not take time by its square
    # The user's name goes with the password: a token stands in its place.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'<>]*@"), rf"\1{HIDDEN}@"),
    (re.compile(rf"(?i)([?&]{PARAMETER}=)[^&\s\"'#<>]+"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"(?i)(\bauthorization\b[\"']?\s*[:=,]\s*b?[\"']?(?:(?:bearer|basic|token|digest)\s+)?)"
            r"(?=[\w.~+/=-]{8})[\w.~+/=-]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)(?=[\w.~+/=-]{0,500}\d)[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"\b((?:sk|pk|rk|hf|gsk|xai|jina|nvapi|ghp|gho|glpat|xox[abp])[-_])"
            r"(?=[\w-]{0,60}\d)[\w-]{8,}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)"), HIDDEN),
)


class Redactor:
    """Known secrets, and how text is freed of them."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def register(self, *secrets: str | None) -> None:
        """Make secrets known; what is too short to be one is not taken."""
        new = {form for one in secrets for form in forms(one or "")} - self._forms
        if new:
            self._forms |= new
            self._known = re.compile("|".join(map(_pattern, sorted(self._forms, key=_longest))))

    def redact(self, text: str) -> str:
        """Replace every secret in a text; the same again changes nothing."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        for shape, replacement in SHAPES:
            text = shape.sub(replacement, text)
        return text


_redactor = Redactor()
register = _redactor.register
redact = _redactor.redact


def redact_all(value: Any) -> Any:
    """Replace every secret in the texts of a JSON-like value; names of fields stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redact_all(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(one) for one in value]
    return value


def register_settings(settings: Any) -> None:
    """Make known what is secret in settings, checked or as they stand in a file or variable."""
    register(*secrets_in(settings))


def register_variables(variables: Mapping[str, str], prefix: str) -> None:
    """Make known what is secret in variables of the environment; their values may be JSON."""
    for name, text in variables.items():
        if name.upper().startswith(prefix):
            value: Any = text
            if text.lstrip().startswith(("[", "{")):
                with suppress(ValueError):
                    value = json.loads(text)
            register_settings({name.lower().rsplit("__", 1)[-1]: value})


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """List what is secret below a setting: by its name, by its type, or within a URL."""
    if hasattr(value, "get_secret_value"):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from secrets_in(one, str(key))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from secrets_in(one, name)
    elif isinstance(value, str) and "://" in value:
        yield from secrets_of_url(value)
    elif (
        isinstance(value, str | int)
        and not isinstance(value, bool)
        and SECRET_NAME.search(name)
        and name not in FILES
    ):
        yield str(value)


def secrets_of_url(text: str) -> Iterator[str]:
    """List the passwords, and the values of secret parameters, in a URL or several with commas.

    A user without password is one: it stands where a token does.
    """
    for one in text.split(","):
        _, _, rest = one.partition("://")
        user, has_login, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
        if has_login:
            name, has_password, password = user.partition(":")
            yield password if has_password else name
        for key, value in parse_qsl(rest.partition("#")[0].partition("?")[2]):
            if re.fullmatch(PARAMETER, key, re.IGNORECASE):
                yield value


def forms(secret: str) -> Iterator[str]:
    """List how a secret may be written, the secret itself first."""
    for one in dict.fromkeys((secret, secret.strip())):
        if len(one) < SHORTEST:
            return
        data = one.encode("utf-8", "surrogatepass")
        yield one
        yield from (json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])
        yield from (repr(one)[1:-1], ascii(one)[1:-1], repr(data)[2:-1], html.escape(one))
        yield one.encode("unicode_escape", "surrogatepass").decode()
        yield data.decode("latin-1")
        for written in (quote(data, safe=""), quote(data), quote_plus(data)):
            yield written
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), written)
        for packed in _in_base64(data):
            yield packed
            yield packed.translate(str.maketrans("+/", "-_"))


def _in_base64(data: bytes) -> Iterator[str]:
    """Give what stays the same in base64, whatever stands before the secret, as ``user:``."""
    for before in range(3):
        packed = base64.b64encode(bytes(before) + data).decode()
        first, end = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        if end - first >= SHORT:
            yield packed[first:end]


def _longest(form: str) -> tuple[int, str]:
    return -len(form), form


def _pattern(form: str) -> str:
    pattern = re.escape(form)
    return pattern if len(form) >= SHORT else rf"(?<!\w){pattern}(?!\w)"


def guard_exceptions() -> None:
    """Have exceptions that nobody caught told without secrets."""
    sys.excepthook = tell_exception
    threading.excepthook = lambda args: tell_exception(
        args.exc_type, args.exc_value, args.exc_traceback
    )
    sys.unraisablehook = lambda args: tell_exception(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def tell_exception(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Write an exception and its traceback on stderr."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
