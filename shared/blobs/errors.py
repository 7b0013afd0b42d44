"""Why a blob cannot be kept."""

from shared.errors import MapstreamError, TransientError


class BlobTooLargeError(MapstreamError):
    """It is larger than the limit."""


class BlobsFullError(TransientError):
    """The disk of the blobs has no room; its text gives the remedy."""


class BlobsUnusableError(TransientError):
    """The place of the blobs cannot be read or written; its text gives the remedy."""


class BlobsRefusedError(BlobsUnusableError):
    """The place of the blobs answers, and does not let us in, or is not there."""
