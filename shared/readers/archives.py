"""What a ZIP archive holds, before anything unpacks it."""

import zipfile
from dataclasses import dataclass
from typing import BinaryIO, Final

from shared.readers.errors import UnreadableFileError

MOST_BYTES: Final = 512 << 20
OPEN_DOCUMENT: Final = "application/vnd.oasis.opendocument."
DAMAGED: Final = UnreadableFileError(
    "it is a damaged ZIP archive", "fetch it again, or open it in its program and save it anew"
)


@dataclass(frozen=True, slots=True)
class Archive:
    """A sheet's file, as an archive."""

    format: str
    why: str


def look_into(file: BinaryIO) -> Archive:
    """Say which kind of document an archive is.

    Raises:
        UnreadableFileError: It is none that is read, too large unpacked, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            names = {one.filename for one in entries}
            _weigh(sum(one.file_size for one in entries))
            mime = archive.read("mimetype")[:100].decode("latin-1") if "mimetype" in names else ""
            manifest = b""
            if mime and "META-INF/manifest.xml" in names:
                manifest = archive.read("META-INF/manifest.xml")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DAMAGED from error
    finally:
        file.seek(0)
    if b"encryption-data" in manifest:
        raise protected()
    return _kind(names, mime)


def _weigh(size: int) -> None:
    if size > MOST_BYTES:
        raise UnreadableFileError(
            f"it unpacks to {size >> 20} MiB, and {MOST_BYTES >> 20} MiB is the limit",
            "split it, or save it as CSV",
        )


def _kind(names: set[str], mime: str) -> Archive:
    for book in ("xl/workbook.xml", "xl/workbook.bin"):
        if book in names:
            return Archive("xlsx", f"it is a ZIP archive with {book}")
    if mime.startswith(f"{OPEN_DOCUMENT}spreadsheet"):
        return Archive("ods", "it is a ZIP archive that says it is an OpenDocument spreadsheet")
    if "word/document.xml" in names or mime.startswith(f"{OPEN_DOCUMENT}text"):
        what = "a document of a word processor"
    elif "ppt/presentation.xml" in names or mime.startswith(OPEN_DOCUMENT):
        what = "a presentation or drawing"
    else:
        raise UnreadableFileError("it is a ZIP archive", "unpack it first")
    raise UnreadableFileError(f"it is {what}", "save it as text, or its tables as XLSX or CSV")


def protected() -> UnreadableFileError:
    """Return why a file with a password cannot be read."""
    return UnreadableFileError(
        "it is protected by a password", "open it in its program and save it without one"
    )
