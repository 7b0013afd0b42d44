"""Preferences of a collection: which columns make the text, and which are kept beside it."""

from pydantic import AwareDatetime, ConfigDict, Field

from shared.contracts.base import MAX_INT64, Collection, Message, Reason
from shared.contracts.uploads import Columns

SOMEBODY = "local"
"""Who it is if nobody keeps people apart."""
MOST_VERSIONS = 50
"""Of the older ones, so many are told."""
TEXT = "The columns that make the text of a record; none: all of them."
CONTEXT = "The columns that are kept as attributes; not given: all that make no text."


class Preferences(Message):
    """What is chosen for a collection, in one of its versions.

    Of a table that lacks some of the columns, those that it has are taken.
    """

    version: int = Field(ge=1, le=MAX_INT64, description="Counts up with every change.")
    text_columns: Columns = Field(default=(), description=TEXT)
    context_columns: Columns | None = Field(default=None, description=CONTEXT)
    updated_at: AwareDatetime = Field(description="When it was chosen, in UTC.")
    updated_by: str = Field(description="Who chose it, as audits name people.")


class ListPreferences(Message):
    """Asks for the preferences of a collection."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection = Field(description="The collection.")


class PreferencePage(Message):
    """The preferences of a collection, and what there is to choose from."""

    active: Preferences | None = Field(
        description="What files without columns of their own are read by; null: all columns."
    )
    earlier: tuple[Preferences, ...] = Field(
        default=(), description="The versions before, the newest first, fifty at most."
    )
    columns: tuple[str, ...] = Field(
        default=(), description="The columns of its uploaded and fetched tables, as far as known."
    )
    unknown: int = Field(
        default=0, ge=0, description="Files whose columns were not looked at yet."
    )


class SetPreferences(Message):
    """Has other columns chosen for a collection: its next version."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection = Field(description="The collection.")
    text_columns: Columns = Field(default=(), description=TEXT)
    context_columns: Columns | None = Field(default=None, description=CONTEXT)
    by: str = Field(min_length=1, max_length=200, description="Who chooses.")


class PreferencesSet(Message):
    """What became of that."""

    preferences: Preferences | None = Field(
        description="What is chosen now; the same version if nothing is new; null: refused."
    )
    reason: Reason | None = Field(default=None, description="Why it was refused.")
