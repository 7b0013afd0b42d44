"""Why a blob cannot be kept."""

from shared.errors import MapstreamError, TransientError


class BlobTooLargeError(MapstreamError):
    """It is larger than the limit."""


class BlobsFullError(TransientError):
    """The disk of the blobs has no room; its text gives the remedy."""


class BlobsUnusableError(TransientError):
    """The folder of the blobs cannot be read or written; its text gives the remedy."""
