"""The page as its build left it: a flat folder of files whose names hold their hash."""

import gzip
from pathlib import Path

from services.gateway.ports.page import INDEX, Page, PageFile

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def read_page(folder: Path) -> Page:
    """Read every file; nothing if the page was not built here."""
    if not (folder / INDEX).is_file():
        return {}
    return {file.name: _read(file) for file in sorted(folder.iterdir()) if file.suffix in TYPES}


def _read(file: Path) -> PageFile:
    body = file.read_bytes()
    return PageFile(body, gzip.compress(body, 9, mtime=0), TYPES[file.suffix])
