"""Answers with the pairs of two collections, and has people's decisions about them kept."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.gateway.domain.matching import (
    STATES,
    Limits,
    Matched,
    Numbers,
    State,
    digest_of,
    hash_of,
    states_of,
)
from services.gateway.domain.words import excerpt, told_text
from services.gateway.handlers.finding import LONGEST
from services.gateway.handlers.match_answers import (
    Counts,
    Match,
    Matches,
    MatchResult,
    MatchResults,
)
from services.gateway.handlers.match_files import Form, Row, begin_file, write_row
from services.gateway.ports.matches import DecisionBook, Matcher, NoMatchingError
from services.gateway.ports.search import RecordSearch
from shared.contracts.matches import (
    DecideMatches,
    ListDecisions,
    MatchDecision,
    MatchPair,
    Wish,
)
from shared.errors import TransientError

EXPORTED = 256
"""Pairs whose texts are read together."""
OUTDATED = "a text of this pair is another one by now: look at it again"
GONE = "there is no record '{}' in '{}' any more"
BY_DECISION: Mapping[str, int] = {
    "accept": STATES.index("accepted"),
    "reject": STATES.index("rejected"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which pairs."""

    collection: str
    other: str
    limits: Limits
    state: State | None = None
    ids: tuple[str, ...] = ()
    """Only those of these records; none: of all."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """The pairs of two collections with what was decided of them."""

    matched: Matched
    states: Numbers
    decisions: Mapping[int, MatchDecision]
    """By the places of pairs."""
    unused: int

    def places(self, asked: Asked) -> Numbers:
        """List the places of the pairs that are asked for, the best first."""
        if asked.ids:
            found = self.matched.place_of(asked.ids)
            places = np.sort(found[found >= 0])
        else:
            places = np.arange(len(self.matched))
        if asked.state is None:
            return places
        return places[self.states[places] == STATES.index(asked.state)]


class Matching:
    """Matches collections, as their public files are, and as people have decided."""

    def __init__(self, matcher: Matcher, search: RecordSearch, book: DecisionBook) -> None:
        self._matcher = matcher
        self._search = search
        self._book = book

    async def page(self, asked: Asked, *, after: int, limit: int) -> Matches:
        """Tell how many pairs there are in which state, and of some of them.

        Raises:
            NoMatchingError: The collections cannot be matched as they are.
            NoVectorsError: The vectors of one are not published.
            TransientError: The files could not be read, or discovery does not answer.
        """
        judged = await self._judge(asked)
        found = judged.places(asked)
        rest = found[found >= after]
        shown = rest[:limit]
        counts = np.bincount(judged.states, minlength=len(STATES)).tolist()
        return Matches(
            collection=asked.collection,
            other=asked.other,
            link=asked.limits.link,
            review=asked.limits.review,
            records=len(judged.matched),
            other_records=judged.matched.other_records,
            counts=Counts(**dict(zip(STATES, counts, strict=True))),
            unused_decisions=judged.unused,
            total=len(found),
            items=[Match(**one) for one in await self._rows(asked, judged, shown, _brief)],
            next_after=int(shown[-1]) + 1 if len(rest) > len(shown) else None,
        )

    async def file(self, asked: Asked, form: Form) -> AsyncGenerator[bytes, None]:
        """Write the pairs that are asked for as a file, with their whole texts, bit by bit.

        What keeps it from being written is raised before; see ``page``.
        """
        judged = await self._judge(asked)
        return self._written(asked, judged, form)

    async def decide(
        self, collection: str, other: str, wish: Wish, pairs: Sequence[MatchPair], by: str
    ) -> MatchResults:
        """Have something decided of pairs, if their texts are still what somebody has seen.

        Raises:
            NoMatchingError: Discovery refuses it.
            TransientError: The files could not be read, or discovery does not answer.
        """
        own = await self._texts(collection, [one.id for one in pairs])
        others = await self._texts(other, [one.other_id for one in pairs])
        reasons = [_why_not(one, own, others, collection, other) for one in pairs]
        good = [one for one, why in zip(pairs, reasons, strict=True) if why is None]
        results = iter(await self._decide(collection, other, wish, good, by) if good else ())
        items = []
        for one, why in zip(pairs, reasons, strict=True):
            named = {"id": one.id, "other_id": one.other_id}
            items.append(
                next(results)
                if why is None
                else MatchResult(**named, outcome="refused", reason=why)
            )
        return MatchResults(collection=collection, other=other, items=items)

    async def _decide(
        self, collection: str, other: str, wish: Wish, pairs: Sequence[MatchPair], by: str
    ) -> list[MatchResult]:
        done = await self._book.decide(
            DecideMatches(
                collection=collection, other=other, decision=wish, pairs=tuple(pairs), by=by
            )
        )
        if done.reason is not None:
            raise NoMatchingError(done.reason)
        return [
            MatchResult(
                id=pair.id,
                other_id=pair.other_id,
                outcome="decided" if one.is_changed else "unchanged",
                decided=one.decided,
            )
            for pair, one in zip(pairs, done.items, strict=True)
        ]

    async def _texts(self, collection: str, ids: Sequence[str]) -> dict[str, bytes]:
        rows = await self._search.some(collection, tuple(dict.fromkeys(ids)))
        return {row["id"]: digest_of(row["text"] or "") for row in rows}

    async def _judge(self, asked: Asked) -> _Judged:
        if asked.collection == asked.other:
            raise NoMatchingError(
                f"'{asked.other}' is not matched with itself: name another collection; records "
                "that are near to one have /records/{record_id}/neighbours"
            )
        matched = await self._matcher.match(asked.collection, asked.other)
        decisions = await self._decisions(asked)
        states = states_of(matched.scores, asked.limits)
        places = matched.place_of([one.id for one in decisions])
        holding: dict[int, MatchDecision] = {}
        for place, one in zip(places.tolist(), decisions, strict=True):
            if place >= 0 and _holds(one, matched, place):
                holding[place] = one
                states[place] = BY_DECISION[one.decision]
        return _Judged(matched, states, holding, len(decisions) - len(holding))

    async def _decisions(self, asked: Asked) -> list[MatchDecision]:
        found: list[MatchDecision] = []
        after: int | None = 0
        while after is not None:
            page = await self._book.tell(
                ListDecisions(collection=asked.collection, other=asked.other, after=after)
            )
            found += page.items
            after = page.next_after
        return found

    async def _rows(
        self, asked: Asked, judged: _Judged, places: Numbers, told: Callable[[Row], str]
    ) -> list[Row]:
        matched = judged.matched
        ids = [one.decode() for one in matched.ids[places].tolist()]
        other_ids = [one.decode() for one in matched.other_ids[places].tolist()]
        own = {row["id"]: row for row in await self._search.some(asked.collection, ids)}
        sought = tuple(dict.fromkeys(other_ids))
        others = {row["id"]: row for row in await self._search.some(asked.other, sought)}
        rows = []
        for place, key, other_key in zip(places.tolist(), ids, other_ids, strict=True):
            if key not in own or other_key not in others:
                raise TransientError("a map was replaced while it was read: ask again")
            first, second = own[key], others[other_key]
            rows.append(
                {
                    "id": key,
                    "other_id": other_key,
                    "score": float(matched.scores[place]),
                    "state": STATES[judged.states[place]],
                    "texts": matched.texts_of(place),
                    "filename": first["filename"],
                    "other_filename": second["filename"],
                    "text": told(first),
                    "other_text": told(second),
                    "decided": judged.decisions.get(place),
                }
            )
        return rows

    async def _written(
        self, asked: Asked, judged: _Judged, form: Form
    ) -> AsyncGenerator[bytes, None]:
        places = judged.places(asked)
        yield begin_file(form)
        for begin in range(0, len(places), EXPORTED):
            part = places[begin : begin + EXPORTED]
            rows = await self._rows(asked, judged, part, lambda row: row["text"] or "")
            yield b"".join(write_row(one, form) for one in rows)


def _holds(decided: MatchDecision, matched: Matched, place: int) -> bool:
    """Tell whether something was decided of a record's pair, as that is now."""
    other: bytes = matched.other_ids[place]
    return other.decode() == decided.other_id and matched.texts_of(place) == decided.texts


def _why_not(
    pair: MatchPair,
    own: Mapping[str, bytes],
    others: Mapping[str, bytes],
    collection: str,
    other: str,
) -> str | None:
    """Say why a pair cannot be decided; nothing: it can."""
    if pair.id not in own:
        return GONE.format(pair.id, collection)
    if pair.other_id not in others:
        return GONE.format(pair.other_id, other)
    return None if hash_of(own[pair.id], others[pair.other_id]) == pair.texts else OUTDATED


def _brief(row: Row) -> str:
    return excerpt(told_text(row["text"], row["type"]), (), LONGEST)[0]
