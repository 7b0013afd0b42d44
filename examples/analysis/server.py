"""A small analysis service: reads CSV and XLSX, and gives the records of a file back.

It is an example of what the courier asks (see docs/fetching.md), with Python alone:

    python examples/analysis/server.py --port 8001 --state analysis-state

What it was asked stands in files, so it goes on after a crash, and a wish that comes again by the
same Idempotency-Key is the same job. It matches what it reads with what it has read before: an
item whose text was there already is a match, one without a word is for somebody to look at.
"""

import argparse
import csv
import hashlib
import json
import os
import re
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, StringIO
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

MOST_BYTES = 500 << 20
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
JOB = re.compile(r"[0-9a-f]{20}")


def rows_of_csv(content):
    """Give the rows of a CSV file."""
    text = content.decode("utf-8-sig", "replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    return list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))


def rows_of_xlsx(content):
    """Give the rows of the first sheet of a workbook."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        names = file.namelist()
        if sum(one.file_size for one in file.infolist()) > MOST_BYTES:
            raise ValueError("it unpacks to too much")
        shared = []
        if "xl/sharedStrings.xml" in names:
            root = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
            shared = ["".join(one.itertext()) for one in root.findall(f"{SHEET}si")]
        sheet = min(one for one in names if one.startswith("xl/worksheets/sheet"))
        root = ElementTree.fromstring(file.read(sheet))
    rows = []
    for row in root.iter(f"{SHEET}row"):
        cells = []
        for cell in row.findall(f"{SHEET}c"):
            letters = re.match("[A-Z]+", cell.get("r", "")) or ["A" * (len(cells) + 1)]
            number = 0
            for letter in letters[0]:
                number = number * 26 + ord(letter) - 64
            value, inline = cell.find(f"{SHEET}v"), cell.find(f"{SHEET}is")
            text = "" if value is None else value.text or ""
            if cell.get("t") == "s" and text:
                text = shared[int(text)]
            if inline is not None:
                text = "".join(inline.itertext())
            cells += [""] * (min(number, 1000) - len(cells) - 1) + [text]
        rows.append(cells)
    return rows


def record_of(names, cells, number):
    """Make a record of a row: its longest cell is the text, the others are attributes."""
    filled = {name: cell for name, cell in zip(names, cells) if cell.strip()}
    if not filled:
        return None
    longest = max(filled, key=lambda name: len(filled[name]))
    text = filled.pop(longest)
    return {"text": text, "key": str(number), "attributes": filled}


class Analysis:
    """The jobs, each a file in a folder; one thread does one after the other."""

    def __init__(self, folder, files, pause_s, with_records):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files = Path(files).resolve()
        self.pause_s = pause_s
        self.with_records = with_records
        self.changed = threading.Condition()
        self.seen = set()

    def path(self, job, suffix=".json"):
        return self.folder / f"{job}{suffix}"

    def read(self, job):
        try:
            return json.loads(self.path(job).read_text())
        except FileNotFoundError:
            return None

    def write(self, job, **changes):
        """Note what a job is now, so that a crash finds it before or after."""
        now = (self.read(job) or {}) | changes
        new = self.path(job, ".new")
        new.write_text(json.dumps(now))
        os.replace(new, self.path(job))
        return now

    def submit(self, wish, key):
        """Take a file; the same key is the same job."""
        job = hashlib.sha256((key or os.urandom(16).hex()).encode()).hexdigest()[:20]
        with self.changed:
            if self.read(job) is None:
                self.write(job, wish=wish, status="pending", created_at=time.time())
            self.changed.notify_all()
        return job

    def work(self):
        """Do what is to be done, for ever."""
        while True:
            jobs = [one.stem for one in self.folder.glob("*.json")]
            found = [(one, self.read(one)) for one in jobs]
            waiting = [one for one in found if one[1]["status"] in ("pending", "processing")]
            if not waiting:
                with self.changed:
                    self.changed.wait(1)
                continue
            job, told = min(waiting, key=lambda one: one[1]["created_at"])
            try:
                self.analyze(job, told["wish"])
            except Exception as error:  # whatever a file holds, the next one is read
                self.write(job, status="failed", error=f"{type(error).__name__}: {error}")

    def analyze(self, job, wish):
        self.write(job, status="processing", phase="analyzing", started_at=time.time())
        content = self.content(wish["file_url"])
        kind = wish.get("file_type", "csv")
        if kind == "pdf":
            raise ValueError("PDF is not read by this example")
        rows = rows_of_xlsx(content) if content.startswith(b"PK") else rows_of_csv(content)
        names = [name.strip() or f"column {at}" for at, name in enumerate(rows[0], 1)]
        records, errors = [], []
        for number, cells in enumerate(rows[1:], 2):
            record = record_of(names, cells, number)
            if record is None or len(cells) > len(names):
                errors.append(f"row {number} is empty or too long")
            else:
                records.append(record)
            if number % 100 == 0:
                self.write(job, items_processed=number - 1, items_total=len(rows) - 1)
        self.write(
            job, phase="matching", items_processed=len(rows) - 1, items_total=len(rows) - 1,
            errors=errors,
        )  # fmt: skip
        time.sleep(self.pause_s)
        self.match(job, records)

    def match(self, job, records):
        matches = review = 0
        for record in records:
            words = " ".join(re.findall(r"\w+", record["text"].lower()))
            matches += bool(words) and words in self.seen
            review += not words
            self.seen.add(words)
        more = {}
        if self.with_records:
            lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
            self.path(job, ".jsonl").write_text(lines)
            more["result_url"] = f"/analyze/result/{job}"
        self.write(
            job, status="completed", phase="complete", matches_found=matches,
            review_queue=review, progress_percentage=100, completed_at=time.time(), **more,
        )  # fmt: skip

    def content(self, url):
        """Give the bytes of a file: a path of a folder that both see, or a URL."""
        if url.startswith(("http://", "https://")):
            with urlopen(url, timeout=30) as answer:
                return answer.read(MOST_BYTES)
        path = Path(url).resolve()
        if not path.is_relative_to(self.files):
            raise ValueError("it lies outside of the folder of files")
        return path.read_bytes()


class Handler(BaseHTTPRequestHandler):
    """The three paths of an analysis service, and the one of its records."""

    analysis = None

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        if parts == ["health"]:
            return self.answer(200, {"status": "healthy"})
        if len(parts) == 3 and parts[0] == "analyze" and JOB.fullmatch(parts[2]):
            told = self.analysis.read(parts[2])
            if told is not None and parts[1] == "status":
                told.pop("wish")
                return self.answer(200, {"job_id": parts[2], **told})
            path = self.analysis.path(parts[2], ".jsonl")
            if parts[1] == "result" and path.exists():
                return self.send(200, path.read_bytes(), "application/x-ndjson")
        return self.answer(404, {"error": "there is no such thing"})

    def do_POST(self):
        if self.path != "/analyze/file":
            return self.answer(404, {"error": "there is no such thing"})
        try:
            wish = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not isinstance(wish["file_url"], str):
                raise ValueError("file_url is no text")
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, {"error": str(error)})
        job = self.analysis.submit(wish, self.headers.get("idempotency-key"))
        return self.answer(202, {"job_id": job, "status": "pending", "message": "it is taken"})

    def answer(self, status, body):
        self.send(status, json.dumps(body).encode(), "application/json")

    def send(self, status, body, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing of each request."""


def main():
    """Serve."""
    parser = argparse.ArgumentParser(description="A small analysis service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--state", default="analysis-state", help="folder of its jobs")
    parser.add_argument("--files", default="/", help="folder below which files are read")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before it matches")
    parser.add_argument(
        "--keep-records", action="store_true", help="name no result: the counts are all it gives"
    )
    given = parser.parse_args()
    Handler.analysis = Analysis(given.state, given.files, given.pause, not given.keep_records)
    threading.Thread(target=Handler.analysis.work, daemon=True).start()
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
