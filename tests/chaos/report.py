"""Writes ``docs/chaos-report.md`` from the results of runs and of the mutation check.

``python -m tests.chaos.report [RESULT.json ...] [--pairs FILE.json] [--mutations FILE.json]``.
What no result is given of stays as it is; the seeds are those of ``seeds.toml``, and what is known
to be red that of ``known_red.toml``.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.failpoints import Failpoint
from tests.chaos.known_red import known_red
from tests.chaos.pair_report import SEEDS, matrix_of, red_of, seeds_of

REPORT = Path(__file__).parents[2] / "docs" / "chaos-report.md"
HEAD = """\
# What was interrupted, and what became of it

Written by `python -m tests.chaos.report`; how it works is in
[decision 17](decisions/0017-failpoints-and-chaos.md) and, for pairs of events, in
[decision 38](decisions/0038-every-event-after-every-other.md); what it found in
[decision 18](decisions/0018-found-by-chaos.md). A *fault* interrupts a running system of real
processes: nats-server, text2vec, a proxy in front of it that spoils its answers, discovery,
embedding, projection and writing. Records arrive all the time, sources are changed, and a reader
opens the public files again and again. After every forty faults all must come to rest, and then
this is compared from the outside:

* the record ids in the public files with those in the sources, read again in the plainest way,
  without the records that were made unusable on purpose and the sources that were forgotten; no id
  twice, every text the newest, nothing else dead-lettered;
* every point with its stored vector under the one model that the files, the dataset and the
  status name;
* the ledger, in total and per source: `seen = mapped + dead`, nothing in flight, the same in
  `source.completed`;
* the moments with those of the stored vectors, to a relative 1e-8;
* the public streams: no message twice, every model announced;
* the logs: no batch had to be sent again, no error that nobody foresaw, no process ended by
  itself.

A fault that was promised and did not take place is a deviation, too.
"""
ORDER = ("faults", "which", "cuts", "pairs", "red", "seeds", "notices")
TITLES = {
    "faults": "Faults", "which": "Which faults", "cuts": "At which failpoints",
    "pairs": "Every event after every other", "red": "Known to be red",
    "seeds": "Every seed that was ever run", "notices": "Would it notice?",
}  # fmt: skip


def render(
    old: str,
    *,
    results: Sequence[dict[str, Any]] = (),
    pairs: Sequence[dict[str, Any]] = (),
    mutations: Sequence[dict[str, Any]] = (),
) -> str:
    """Write the report; of what is not given, the sections of the old one are taken over."""
    parts = _sections(old)
    if results:
        parts |= {"faults": _runs(results), "which": _faults(results), "cuts": _cuts(results)}
    if pairs:
        parts["pairs"] = matrix_of(pairs)
    if mutations:
        parts["notices"] = _mutations(mutations)
    parts |= {"red": red_of(known_red()), "seeds": seeds_of(SEEDS)}
    texts = [
        f"## {TITLES[name]}\n\n{chr(10).join(parts[name])}" for name in ORDER if name in parts
    ]
    return "\n".join([HEAD, *texts])


def _sections(text: str) -> dict[str, Iterable[str]]:
    """Cut a report into its sections, by name."""
    names = {title: name for name, title in TITLES.items()}
    found = dict[str, Iterable[str]]()
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        if title in names:
            found[names[title]] = [body.strip("\n"), ""]
    return found


def _runs(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    injected = sum(one["injected"] for one in results)
    wrong = sum(len(one["problems"]) for one in results)
    yield f"{injected:,} faults, {wrong} deviations.\n"
    yield "| command | injected | records | sources | quiet points | reads of files | minutes |"
    yield "|---|---|---|---|---|---|---|"
    for one in results:
        asked = sum(count["requested"] for count in one["by_fault"].values())
        yield (
            f"| `{_command(one)}` "
            f"| {one['injected']:,} of {asked:,} | {one['records']:,} "
            f"| {one['sources']:,} | {one['quiet_points']} | {one['reads']:,} "
            f"| {one['seconds'] / 60:.0f} |"
        )
    yield ""
    for one in results:
        for problem in one["problems"]:
            yield f"* seed {one['seed']}: {problem}"
    if wrong:
        yield ""
    yield (
        f"The reader saw {sum(one['models_seen_by_the_reader'] for one in results):,} models, "
        "never an unreadable file and never two models in one. A run ends at the first deviation; "
        "what was behind each, and its repair, is in decision 18. "
        f"{sum(one['spoiled_answers'] for one in results):,} answers of the embedding server were "
        "spoiled.\n"
    )


def _command(one: dict[str, Any]) -> str:
    options = [f"--only {name}" for name in one["only"]]
    if one.get("minutes"):
        options.append(f"--minutes {one['minutes']:g}")
    more = f' ARGS="{" ".join(options)}"' if options else ""
    return f"make chaos SEED={one['seed']} FAULTS={one['faults']}{more}"


def _faults(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    requested, injected = _sums(results)
    yield "| fault | asked for | took place |"
    yield "|---|---|---|"
    for name in sorted(requested):
        if not name.startswith("cut "):
            yield f"| {name} | {requested[name]} | {injected[name]} |"
    yield ""
    for reasons in ("skipped", "not_promised"):
        said = {name: why for one in results for name, why in one.get(reasons, {}).items()}
        for name, why in sorted(said.items()):
            yield f"* {name}: {reasons.replace('_', ' ')}, {why}"
        if said:
            yield ""


def _cuts(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    requested, injected = _sums(results)
    yield "The process ended itself with SIGKILL exactly there.\n"
    yield "| failpoint | service | armed | hit |"
    yield "|---|---|---|---|"
    for point in Failpoint:
        for name in sorted(requested):
            if name.startswith("cut ") and name.endswith(f":{point}"):
                service = name.removeprefix("cut ").split(":")[0]
                yield f"| {point} | {service} | {requested[name]} | {injected[name]} |"
    yield ""


def _mutations(mutations: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "`make mutations` removes one protection at a time and runs the harness again.\n"
    yield "| removed | faults | what the harness said |"
    yield "|---|---|---|"
    for one in mutations:
        if one["faults"] is None:  # tests notice it: docs/mutations.md
            continue
        faults = ", ".join(
            f"{count['injected']} times {name}" for name, count in one["faults"].items()
        )
        said = one["caught_by"][0] if one["caught_by"] else "nothing"
        yield f"| {one['name']} | {faults} | {_short(said)} |"
    yield ""


def _short(text: str) -> str:
    text = " ".join(text.replace("|", "/").split())
    return text if len(text) <= 240 else text[:237] + "..."


def _sums(results: Sequence[dict[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    requested, injected = Counter[str](), Counter[str]()
    for one in results:
        for name, count in one["by_fault"].items():
            requested[name] += count["requested"]
            injected[name] += count["injected"]
    return requested, injected


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.report", description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULT.json")
    parser.add_argument("--pairs", type=Path, metavar="PAIRS.json", action="append", default=[])
    parser.add_argument("--mutations", type=Path, metavar="MUTATIONS.json")
    options = parser.parse_args()
    REPORT.write_text(
        render(
            REPORT.read_text(),
            results=[json.loads(file.read_text()) for file in options.results],
            pairs=[json.loads(file.read_text()) for file in options.pairs],
            mutations=json.loads(options.mutations.read_text()) if options.mutations else [],
        )
    )
