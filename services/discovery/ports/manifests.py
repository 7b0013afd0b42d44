"""What is kept of manifests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from services.discovery.domain.manifests import Item, Listing, Manifest, Outcome
from services.discovery.ports.schedules import NotRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRun:
    """What became of a slot, or of several; or a run by hand."""

    id: str
    at: datetime
    slot: datetime | None
    outcome: Literal["ran", "by hand", "missed", "overlapped"]
    slots: int = 1
    by: str
    state: Literal["running", "applied", "failed"] | None = None
    """None: it was not run."""
    ended_at: datetime | None = None
    reason: str | None = None
    """Why it failed, or what of it means nothing."""
    counts: dict[Outcome, int] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A manifest, and what is told with it."""

    manifest: Manifest
    runs: Sequence[ManifestRun]
    """The last ones, newest first."""


@dataclass(frozen=True, slots=True)
class Application:
    """A run that is under way: its list is to be had, and to be applied."""

    run: ManifestRun
    manifest: Manifest


class ManifestStore(Protocol):
    """The manifests, beside the jobs that they queue. Each method is one transaction."""

    async def manifests(
        self, collection: str | None = None, manifest_id: str | None = None
    ) -> list[Held]:
        """Return the manifests of all or of one, or one of them.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def manifest_items(self, manifest_id: str) -> list[Item]:
        """Return what is, or was, listed, in the order of the list; the latter at its end.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def put_manifest(self, manifest: Manifest, every_hours: int | None) -> Manifest | NotRun:
        """Keep one, or give the one of this name what is new of it; it is applied at once.

        Args:
            manifest: As it is if there is none of its name yet.
            every_hours: The period, if it is to be another one.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def change_manifest(
        self, manifest_id: str, by: str, *, every_hours: int | None, is_paused: bool | None
    ) -> Manifest | None:
        """Give it another period, or pause it, or let it go on; none if there is none.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def remove_manifest(self, manifest_id: str, by: str) -> Manifest | None:
        """Remove one; the sources that it listed stay. None if there is none.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def run_manifest(self, manifest_id: str, by: str) -> Manifest | NotRun:
        """Begin to apply it now; no slot is decided by that.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def follow_manifests(self) -> int:
        """Decide the slots that have come, and begin what is to be run; count the slots.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        ...

    async def applications(self) -> list[Application]:
        """Return the runs that are under way.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def take_application(self, run_id: str) -> int:
        """Note that a courier goes for its list; returns how often one did.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def apply_listing(self, run_id: str, listing: Listing) -> bool:
        """Do what follows from a list, and end the run; false if it is not under way.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def fail_application(self, run_id: str, reason: str) -> bool:
        """End a run of which nothing follows; false if it is not under way.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
