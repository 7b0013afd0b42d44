"""What is going to happen: drawn from the seed alone, so that a run can be made again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.failpoints import Failpoint
from shared.services import STAGES

SERVICES = STAGES
EMBEDDING_SERVERS = ("text2vec", "proxy")
EVERYTHING = "everything"
SINGLE_OWNERS = ("discovery", "projection", "writing")
ACK_WAIT_S = 2.0
"""Of the harness; a process that is stopped for longer finds its messages delivered to others."""

FAILPOINTS = (
    *((service, Failpoint.PUBLISHED) for service in SERVICES),
    ("discovery", Failpoint.NOTED),
    ("discovery", Failpoint.SETTLED),
    ("discovery", Failpoint.SHOWING),
    ("discovery", Failpoint.MOVING),
    ("discovery", Failpoint.SUBMITTED),
    ("discovery", Failpoint.FORGETTING),
    ("discovery", Failpoint.DISCARDING),
    ("discovery", Failpoint.JOBS_TOLD),
    ("discovery", Failpoint.RECORDED),
    ("discovery", Failpoint.WOKEN),
    ("discovery", Failpoint.DECLARED),
    ("discovery", Failpoint.MARKED),
    ("discovery", Failpoint.ABANDONED),
    ("discovery", Failpoint.UNREAD),
    ("discovery", Failpoint.PURGED),
    ("discovery", Failpoint.ROWS_REMOVED),
    ("discovery", Failpoint.UNKNOWN),
    ("discovery", Failpoint.BURIED),
    ("projection", Failpoint.STATE_REMOVED),
    ("writing", Failpoint.FILES_REMOVED),
    ("discovery", Failpoint.EMPTIED),
    ("discovery", Failpoint.GOING),
    ("discovery", Failpoint.REMOVED),
    ("discovery", Failpoint.RESTED),
    ("projection", Failpoint.FOLDED),
    ("projection", Failpoint.CHECKPOINTED),
    ("projection", Failpoint.RESOLVED),
    ("projection", Failpoint.MODEL_PUBLISHED),
    ("writing", Failpoint.RETRACTED),
    ("writing", Failpoint.COMMITTED),
    ("writing", Failpoint.STAGED),
    ("writing", Failpoint.TOLD),
    ("writing", Failpoint.MODEL_KEPT),
    ("writing", Failpoint.REPROJECTED),
    ("writing", Failpoint.IN_SNAPSHOT),
    ("writing", Failpoint.BEFORE_RENAME),
    ("writing", Failpoint.BETWEEN_RENAMES),
    ("writing", Failpoint.FILES_PUBLISHED),
)
ELSEWHERE = (
    ("discovery", Failpoint.ADMITTED),
    ("discovery", Failpoint.PLACED),
    ("discovery", Failpoint.LET_GO),
    ("courier", Failpoint.FETCHED),
    ("courier", Failpoint.KEPT),
    ("courier", Failpoint.DELIVERED),
    ("courier", Failpoint.HANDED_OVER),
    ("courier", Failpoint.ANALYSIS_NOTED),
    ("cli", Failpoint.MENDED),
    ("projection", Failpoint.OWNED),
)
"""What no run of the harness passes, since it uploads and fetches nothing: ``test_jobs.py`` and
``test_fetches.py`` of ``tests/e2e`` do. Nor does it repair: ``test_verify_repair.py`` cuts that.
Its second copies have no points: ``test_replicas.py`` cuts them.
"""

DELETING = (
    Failpoint.MARKED,
    Failpoint.ABANDONED,
    Failpoint.UNREAD,
    Failpoint.PURGED,
    Failpoint.ROWS_REMOVED,
    Failpoint.UNKNOWN,
    Failpoint.BURIED,
    Failpoint.STATE_REMOVED,
    Failpoint.FILES_REMOVED,
)
"""What is passed when a collection is deleted."""
ANSWERS = (
    "429", "429-retry-after", "500", "503", "400", "slow", "silent",
    "wrong-dimension", "nan", "truncated", "reset",
)  # fmt: skip
"""What the embedding server is made to answer, whatever it is asked."""
DISKS = ("output", "state")
DISK_OF = {"discovery": "state", "projection": "state", "writing": "output"}
STREAMS = ("DISCOVERY", "EMBEDDING", "PROJECTION", "RETRACTIONS", "SETTLED")
COMMANDS = ("refit", "forced-refit", "dry-run", "rollback", "forget", "forget")
SOURCES = (
    "change", "change-large", "change-back", "append", "begin", "complete",
    "bad-lines", "poison", "large", "touch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One interruption."""

    kind: str
    target: str
    seconds: float = 0.0
    """How long it lasts; 0 if it is over at once."""
    gap_s: float = 0.5
    """How long after it the next one begins."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target}"


def deck() -> list[tuple[str, str]]:
    """Every fault that there is; those that are the most likely in life come twice."""
    killed = (*SERVICES, "nats-server", *EMBEDDING_SERVERS)
    return [
        *(("kill", name) for name in (*killed, *SERVICES)),
        *(("stop", name) for name in killed),
        *(("restart", name) for name in SERVICES),
        ("kill", EVERYTHING),
        *(("cut", f"{service}:{point}") for service, point in FAILPOINTS),
        *(("answer", answer) for answer in ANSWERS),
        *(("disk-full", disk) for disk in DISKS),
        *(("disk-full-and-kill", service) for service in SINGLE_OWNERS),
        *(("stream-full", stream) for stream in STREAMS),
        *(("second-copy", service) for service in SINGLE_OWNERS),
        *(("command", command) for command in COMMANDS),
        *(("source", source) for source in SOURCES),
    ]


def draw(seed: int, faults: int, only: Sequence[str] = ()) -> list[Fault]:
    """Draw faults: the whole deck in random order, then again, so that none is left out.

    Args:
        seed: The same one gives the same faults in the same order.
        faults: How many.
        only: Beginnings of the names of faults to choose from; all of them if empty.
    """
    dice = random.Random(seed)
    return [card for card, _ in zip(_dealt(dice, only), range(faults), strict=False)]


def _dealt(dice: random.Random, only: Sequence[str]) -> Iterator[Fault]:
    cards = [
        card for card in deck() if not only or any(" ".join(card).startswith(one) for one in only)
    ]
    if not cards:
        raise SystemExit(f"no fault begins with any of {', '.join(only)}")
    while True:
        dice.shuffle(cards)
        for kind, target in cards:
            yield Fault(kind, target, _seconds(dice, kind), round(dice.uniform(0.1, 0.9), 2))


def _seconds(dice: random.Random, kind: str) -> float:
    if kind == "stop":
        return round(ACK_WAIT_S + dice.uniform(0.3, 1.5), 2)
    if kind == "kill":
        return round(dice.choice([0.0, dice.uniform(0.0, 1.5)]), 2)
    if kind in {"answer", "disk-full", "disk-full-and-kill", "stream-full", "second-copy"}:
        return round(dice.uniform(1.0, 3.0), 2)
    return 0.0
