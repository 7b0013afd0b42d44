"""What an analysis service may answer: the one door that its words come in by."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

State = Literal["pending", "processing", "completed", "failed"]
Phase = Literal["downloading", "analyzing", "matching", "complete"]
STATES: tuple[State, ...] = ("pending", "processing", "completed", "failed")
MOST_COUNT = 2**63 - 1
MOST_OF_A_URL = 2048
LONGEST_REASON = 500
REASONS = 3
_REMOTE = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")
_PHASES: dict[str, Phase] = {"analyzing": "analyzing", "matching": "matching"}


class AnswerError(Exception):
    """It is no answer that can be made anything of; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it is."""

    state: State
    phase: Phase
    items_processed: int = 0
    items_total: int | None = None
    matches_found: int = 0
    review_queue: int = 0
    errors: int = 0
    progress: float = 0.0
    """Percent, as it says; only a sign that something moves."""
    result_url: str | None = None
    reason: str = ""
    """In its own words, why it failed."""


def parse_remote_id(body: bytes) -> str:
    """Read by what name a file was taken.

    Raises:
        AnswerError: It is no such answer.
    """
    found = _object(body).get("job_id")
    told = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if not isinstance(told, str) or not _REMOTE.fullmatch(told) or told in (".", ".."):
        raise AnswerError("job_id is no name of letters, digits and . _ ~ : - (128 at most)")
    return told


def parse_health(body: bytes) -> str | None:
    """Read why it is not well; None: it is, or well enough.

    Raises:
        AnswerError: It is no such answer.
    """
    status = _object(body).get("status")
    if status in ("healthy", "degraded"):
        return None
    if status == "unhealthy":
        return "it says that it is unhealthy"
    raise AnswerError("status is none of healthy, degraded, unhealthy")


def parse_standing(body: bytes, base: str) -> Standing:
    """Read how far it is.

    Args:
        body: The answer.
        base: The address of the service, to which a result must belong.

    Raises:
        AnswerError: It is no such answer.
    """
    told = _object(body)
    state = told.get("status")
    if state not in STATES:
        raise AnswerError(f"status is none of {', '.join(STATES)}")
    total = None if told.get("items_total") is None else _count(told, "items_total")
    processed = _count(told, "items_processed")
    return Standing(
        state=state,
        phase=_phase(state, told.get("phase"), processed, total),
        items_processed=processed,
        items_total=total,
        matches_found=_count(told, "matches_found"),
        review_queue=_count(told, "review_queue"),
        errors=_errors(told),
        progress=_progress(told.get("progress_percentage")),
        result_url=_result(told.get("result_url"), base) if state == "completed" else None,
        reason=_reason(told),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AnswerError("it is no JSON") from error
    if not isinstance(found, dict):
        raise AnswerError("it is JSON, but no object")
    return found


def _count(told: dict[str, Any], name: str) -> int:
    found = told.get(name)
    if found is None:
        return 0
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= MOST_COUNT:
        raise AnswerError(f"{name} is no whole number from 0 on")
    return found


def _errors(told: dict[str, Any]) -> int:
    found = told.get("errors")
    return len(found) if isinstance(found, list) else _count(told, "errors")


def _progress(found: Any) -> float:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and 0 <= found <= 100 else 0.0  # noqa: PLR2004  percent


def _phase(state: State, told: Any, processed: int, total: int | None) -> Phase:
    """Say which of its phases it is in; one that names none matches once it has read all."""
    if state == "completed":
        return "complete"
    if isinstance(told, str) and told in _PHASES:
        return _PHASES[told]
    return "matching" if total and processed >= total else "analyzing"


def _result(found: Any, base: str) -> str | None:
    """Return where the records lie: at the service itself, and nowhere else.

    Raises:
        AnswerError: It is somewhere else, or no URL.
    """
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= MOST_OF_A_URL:
        raise AnswerError("result_url is no URL")
    try:
        url = urljoin(f"{base}/", found)
        ours, theirs = urlsplit(base), urlsplit(url)
        is_there = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
    except ValueError as error:
        raise AnswerError("result_url is no URL") from error
    if not is_there or _UNSEEN.search(found):
        raise AnswerError("result_url leads away from the service")
    return url


def _reason(told: dict[str, Any]) -> str:
    errors = told.get("errors")
    found = [told.get("error"), *(errors if isinstance(errors, list) else [])]
    words = [one.get("message") if isinstance(one, dict) else one for one in found]
    said = [one for one in words if isinstance(one, str) and one.strip()]
    return "; ".join(said[:REASONS])[:LONGEST_REASON]
