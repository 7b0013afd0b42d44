"""What kind of file it is, by its bytes; its name decides only where text could be either."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

from shared.readers.encodings import wide
from shared.readers.errors import UnreadableFileError

HEAD: Final = 64 << 10
ZIP, OLE, PARQUET, GZIP, PDF = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"PAR1",
    b"\x1f\x8b",
    b"%PDF",
)
OBJECTS: Final = re.compile(r"\{|\[\s*\{")
EMPTY_ZIP: Final = b"PK\x05\x06"
PACKED: Final = {
    GZIP: "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR",
}  # fmt: skip
OTHERS: Final = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture",
    b"RIFF": "sound, a film or a picture", b"OggS": "sound or a film", b"ID3": "sound",
    b"\x7fELF": "a program", b"MZ": "a program of Windows", b"\xcf\xfa\xed\xfe": "a program",
    b"\xca\xfe\xba\xbe": "a program", b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file", b"FEA1": "a Feather file", b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file", b"\x89HDF": "an HDF5 file", b"\x93NUMPY": "an array of NumPy",
    b"{\\rtf": "a document in RTF", b"%!PS": "PostScript",
}  # fmt: skip
PRINTABLE: Final = frozenset((b"RIFF", b"OggS", b"ID3", b"MZ", b"ORC"))
"""Text may begin so, too: then it is one of these only if bytes stand there that no text has."""
PROMISES: Final = {
    ".xlsx": "a workbook", ".xlsm": "a workbook", ".xls": "a workbook", ".ods": "a spreadsheet",
    ".parquet": "Parquet",
}  # fmt: skip
BY_SUFFIX: Final = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".psv": "csv",
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text",
}  # fmt: skip
OLE_LOOKED_AT: Final = 64 << 20
MOST_CONTROLS: Final = 0.02
CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x0b\x1b\x00\x1f\x1e\x1d\x1c"))


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is, and why it is taken for that."""

    format: str
    why: str
    doubt: str = ""
    """What its name says that it is not."""


def recognise(file: BinaryIO, name: str) -> Kind:
    """Say what kind of file it is; its position afterwards is its beginning.

    Raises:
        UnreadableFileError: It is of no kind that is read.
    """
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise UnreadableFileError("the file is empty", "put something in it")
    if head.startswith((ZIP, EMPTY_ZIP)):
        return Kind("zip", "its first bytes are those of a ZIP archive")
    if head.startswith(OLE):
        return Kind("ole", "its first bytes are those of an OLE file")
    if head.startswith(PARQUET):
        return Kind("parquet", "its first bytes are PAR1")
    for refusal in _refusals(head):
        raise refusal
    return _text(head, name)


def _refusals(head: bytes) -> Iterator[UnreadableFileError]:
    if head.startswith(PDF):
        yield UnreadableFileError(
            "it is a PDF, and PDF is not read", "save its tables or its text in another format"
        )
    for magic, packing in PACKED.items():
        if head.startswith(magic):
            yield UnreadableFileError(f"it is packed with {packing}", "unpack it first")
    controls = _controls(head)
    for magic, what in OTHERS.items():
        if head.startswith(magic) and (magic not in PRINTABLE or controls or b"\0" in head):
            yield UnreadableFileError(f"it is {what}", "give a file of text or a table")
    yield from _marked_up(head)
    if controls > MOST_CONTROLS * len(head):
        yield UnreadableFileError(
            "it is no text, and of no known kind", "give a file of text or a table"
        )


def _controls(head: bytes) -> int:
    """Count the bytes that no text has."""
    if _wide_codec(head) is not None:
        return 0
    return len(head) - len(head.translate(None, CONTROLS))


def _marked_up(head: bytes) -> Iterator[UnreadableFileError]:
    if is_html(head):
        yield UnreadableFileError(
            "it is a page of HTML, whatever its name says: a login or an error page perhaps, or a "
            "table that was saved as a page",
            "fetch the file itself, or save the table as XLSX or CSV",
        )
    if is_xml(head):
        yield UnreadableFileError(
            "it is XML, and nothing says what of it is a record",
            "save it as XLSX, CSV or JSON, or say that it is text",
        )


def look_into_ole(file: BinaryIO) -> Kind:
    """Say which kind of document an OLE file is, by the names of its streams.

    Raises:
        UnreadableFileError: It has no sheets that can be read.
    """
    file.seek(0)
    data = file.read(OLE_LOOKED_AT)
    file.seek(0)
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise UnreadableFileError(
            "it is protected by a password", "open it in its program and save it without one"
        )
    for stream in ("Workbook", "Book"):
        if stream.encode("utf-16-le") in data:
            return Kind("xls", f"it is an OLE file with a stream {stream}")
    raise UnreadableFileError(
        "it is an OLE file without sheets: an old Word document, mail or installer perhaps",
        "save its text or tables in another format",
    )


def is_html(head: bytes) -> bool:
    """Tell whether bytes begin a page of HTML."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1000].lower()
    return begin.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<table"))


def is_xml(head: bytes) -> bool:
    """Tell whether bytes begin a document of XML."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<?xml")


def _text(head: bytes, name: str) -> Kind:
    suffix = PurePath(name).suffix.lower()
    begin = _begin(head)
    is_list = begin.startswith("[") and suffix in (".json", ".jsonl", ".ndjson")
    if is_list or OBJECTS.match(begin):
        return Kind("json", f"it begins with {begin[0]}")
    if suffix in BY_SUFFIX:
        return Kind(BY_SUFFIX[suffix], f"it is text, and its name ends with {suffix}")
    promised = PROMISES.get(suffix)
    doubt = f"its name ends with {suffix}, and it is not {promised}, but text" if promised else ""
    return Kind("unnamed", "it is text", doubt)


def _begin(head: bytes) -> str:
    """Return the first characters that are no space, however they are written."""
    codec = _wide_codec(head)
    if codec is not None:
        return head[: len(head) // 2 * 2].decode(codec, "replace").lstrip("\ufeff \t\r\n\0")[:9]
    return head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n\0")[:9]


def _wide_codec(head: bytes) -> str | None:
    """Return how characters of two bytes are written; None: they are not."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF16_LE)):
        return "utf-16-le"
    if head.startswith((codecs.BOM_UTF32_BE, codecs.BOM_UTF16_BE)):
        return "utf-16-be"
    found = wide(head[:4096])
    return found.codec if found else None
