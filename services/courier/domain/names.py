"""What a fetched file is called: as its server says, or as its URL ends."""

import re
import unicodedata
from collections.abc import Mapping
from email.message import Message
from urllib.parse import unquote, urlsplit

LONGEST = 200
"""Bytes of UTF-8, as the door for uploads has it."""
UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LONGEST_SUFFIX = 10
SUFFIXES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_EXTENDED = re.compile(r"(?:^|[;\s])filename\*\s*=\s*\"?([\w-]*)'[^']*'([^;\"\s]*)", re.IGNORECASE)


def media_type_of(headers: Mapping[str, str]) -> str:
    """Read what an answer says that it is, without parameters, in lower case."""
    told = headers.get("content-type", "").partition(";")[0].strip().lower()
    return told if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,127}", told) else ""


def name_of(url: str, headers: Mapping[str, str]) -> str:
    """Return the name of a file, by its headers, else by the URL that it came from.

    It has no folders, nothing that nobody sees, and 200 bytes at most.
    """
    name = cleaned(_disposition(headers.get("content-disposition", "")))
    if not name:
        parts = urlsplit(url)
        host = parts.hostname or "file"
        name = cleaned(unquote(parts.path, errors="replace").rstrip("/")) or cleaned(host)
    suffix = SUFFIXES.get(media_type_of(headers), "")
    if suffix and not re.search(r"\.[A-Za-z0-9]{1,8}$", name):
        name = cleaned(f"{name}{suffix}")
    return name or "file"


def cleaned(name: str) -> str:
    """Return a name as it may stand; of what cannot be a name nothing is left."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(
        one
        for one in last
        if unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp") and one not in UNSEEN
    ).strip()
    if seen in ("", ".", ".."):
        return ""
    stem, dot, suffix = seen.rpartition(".")
    if not stem or len(suffix.encode()) > LONGEST_SUFFIX:
        return _cut(seen, LONGEST)
    end = f"{dot}{suffix}"
    return _cut(stem, LONGEST - len(end.encode())) + end


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore").strip()


def _disposition(value: str) -> str:
    """Read the name of a Content-Disposition; nothing if it has none.

    ``filename*`` goes before ``filename``, which beside it is for who knows ASCII only.
    """
    if found := _EXTENDED.search(value):
        try:
            return unquote(found[2], found[1] or "utf-8", errors="replace")
        except LookupError:  # a character set that nobody knows
            return ""
    message = Message()
    try:
        message["content-disposition"] = value.replace("\r", " ").replace("\n", " ")
        found = message.get_filename("")
    except (ValueError, LookupError, TypeError):
        return ""
    return str(found or "")
