"""How well the reader of delimited files does on files whose right table is known.

Takes a folder with the files in ``csv/`` and the right tables in ``clean/``, as those of the
Pollock benchmark; nothing is said about a file, ``mapstream look FILE --rows`` reads it. A record
is found if its cells, without white space, read the same as those of the right one.

It shares no code with the reader; the references are Python's csv with the delimiter that gives
most lines the same number of cells, and with csv.Sniffer.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

csv.field_size_limit(1 << 30)
LOST = 0.01


def key(cells: Iterable[str]) -> str:
    return "".join("".join(cells).split())


def ours(path: Path) -> tuple[list[list[str]], int]:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "look", str(path), "--rows"],
        capture_output=True, check=False,
    )  # fmt: skip
    warned = done.stderr.count(b"\n")
    return [json.loads(line) for line in done.stdout.splitlines()][1:], warned


def text_of(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def modal(path: Path) -> tuple[list[list[str]], int]:
    text = text_of(path)
    best: list[list[str]] = []
    most = 0
    for delimiter in ",;\t|":
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
        width, count = Counter(len(row) for row in rows if row).most_common(1)[0]
        if width > 1 and width * count > most:
            best, most = rows, width * count
    return best[1:], 0


def sniffed(path: Path) -> tuple[list[list[str]], int]:
    text = text_of(path)
    try:
        dialect = csv.Sniffer().sniff(text[:4096])
        return list(csv.reader(text.splitlines(keepends=True), dialect))[1:], 0
    except csv.Error:
        return [], 0


def recall(right: list[list[str]], read: list[list[str]]) -> float:
    wanted = Counter(map(key, right))
    if not wanted:
        return 1.0
    return (wanted & Counter(map(key, read))).total() / wanted.total()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--part", choices=("all", "one", "other"), default="all")
    parser.add_argument("--references", action="store_true")
    arguments = parser.parse_args()
    readers = {"ours": ours}
    if arguments.references:
        readers |= {"modal": modal, "sniffer": sniffed}
    for folder in arguments.folders:
        files = sorted((folder / "csv").iterdir())
        random.Random(7).shuffle(files)  # noqa: S311
        half = len(files) // 2
        files = {"all": files, "one": files[:half], "other": files[half:]}[arguments.part]
        for name, reader in readers.items():
            found = []
            for file in files:
                with (folder / "clean" / file.name).open(newline="", encoding="utf-8") as clean:
                    right = list(csv.reader(clean))[1:]
                rows, warned = reader(file)
                found.append((recall(right, rows), warned, file.name))
            mean = sum(one[0] for one in found) / len(found)
            silent = sum(one[0] < 1 - LOST and not one[1] for one in found)
            print(f"{folder.name:16} {name:8} {len(found)} files, mean recall {mean:.4f}, "
                  f"{silent} lose more than 1 % in silence")  # fmt: skip
            if name == "ours":
                for value, warned, file_name in sorted(found):
                    if value < 1:
                        print(f"  {value:.4f} {'told' if warned else 'silent'} {file_name}")


if __name__ == "__main__":
    main()
