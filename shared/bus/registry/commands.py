"""The rows of commands: to which service each goes, and how it may be answered."""

from shared.bus.registry.channel import command_channel
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.bus.registry.dead_letters import LETTERS_DROPPED, LETTERS_REPLAYED
from shared.bus.registry.jobs import JOB_CHANGED, JOBS_SUBMITTED
from shared.bus.registry.projection import (
    PROJECTION_HELD,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.bus.registry.sources import (
    SOURCE_FORGOTTEN,
    SOURCE_REJECTED,
    SOURCE_UPLOADED,
)
from shared.bus.registry.users import signed
from shared.contracts.commands import (
    Cancel,
    Create,
    Delete,
    Drop,
    Forget,
    Refit,
    Rename,
    Replay,
    Retry,
    Rollback,
    Submit,
)
from shared.contracts.fetching import Fetch
from shared.contracts.uploads import Upload

OF_PROJECTION = (
    PROJECTION_UPDATED,
    PROJECTION_HELD,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
)
COMMAND_REFIT = command_channel(
    Refit,
    "projection",
    "Fit the projection to everything counted so far.",
    answers=OF_PROJECTION,
)
COMMAND_ROLLBACK = command_channel(
    Rollback, "projection", "Make an older model current again.", answers=OF_PROJECTION
)
COMMAND_FORGET = command_channel(
    Forget,
    "discovery",
    "Take a source's records off the map and out of the model.",
    answers=(SOURCE_FORGOTTEN, SOURCE_REJECTED),
)
COMMAND_REPLAY = command_channel(
    Replay, "discovery", "Try dead letters again.", answers=(LETTERS_REPLAYED, SOURCE_REJECTED)
)
COMMAND_DROP = command_channel(
    Drop,
    "discovery",
    "Give dead letters up for good.",
    answers=(LETTERS_DROPPED, SOURCE_REJECTED),
)
COMMAND_RENAME = command_channel(
    Rename,
    "discovery",
    "Give a collection another title or description.",
    answers=(COLLECTION_CHANGED, SOURCE_REJECTED),
)
COMMAND_CREATE = command_channel(
    Create,
    "discovery",
    "Make a collection of this name.",
    answers=(COLLECTION_CHANGED, SOURCE_REJECTED),
)
COMMAND_DELETE = command_channel(
    Delete,
    "discovery",
    "Take a collection away for good.",
    answers=(COLLECTION_CHANGED, SOURCE_REJECTED),
)
COMMAND_UPLOAD = command_channel(
    Upload,
    "discovery",
    "Have a file that was handed in read as a source.",
    answers=(SOURCE_UPLOADED, SOURCE_REJECTED),
)
COMMAND_SUBMIT = command_channel(
    Submit,
    "discovery",
    "Queue a job for each of some sources.",
    answers=(JOBS_SUBMITTED, SOURCE_REJECTED),
)
COMMAND_FETCH = command_channel(
    Fetch,
    "discovery",
    "Queue a job for each of some URLs, by which what lies there becomes a source.",
    answers=(JOBS_SUBMITTED, SOURCE_REJECTED),
)
COMMAND_CANCEL = command_channel(
    Cancel, "discovery", "Cancel a job.", answers=(JOB_CHANGED, SOURCE_REJECTED)
)
COMMAND_RETRY = command_channel(
    Retry, "discovery", "Queue a failed job again.", answers=(JOB_CHANGED, SOURCE_REJECTED)
)
CHANNELS = (
    COMMAND_REFIT,
    COMMAND_ROLLBACK,
    COMMAND_FORGET,
    COMMAND_REPLAY,
    COMMAND_DROP,
    COMMAND_RENAME,
    COMMAND_CREATE,
    COMMAND_DELETE,
    COMMAND_UPLOAD,
    COMMAND_SUBMIT,
    COMMAND_FETCH,
    COMMAND_CANCEL,
    COMMAND_RETRY,
)
ANSWERS = tuple(dict.fromkeys(answer for command in CHANNELS for answer in command.answers))
"""Every channel on which a command may be answered."""


def subjects_of(collection: str) -> tuple[str, str]:
    """Spell where commands for a collection wait, those of other accounts, too."""
    own = f"command.*.{collection}"
    return own, signed("*", own)
