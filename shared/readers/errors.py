"""Why a file cannot be read at all."""

from shared.errors import MapstreamError


class UnreadableFileError(MapstreamError):
    """A file cannot be read, now or later; the text says why and what helps."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy
