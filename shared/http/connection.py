"""The parser of requests, h11, told to be strict."""

import h11

from shared.http.heads import HeadLimits, RefusedRequestError, check_head, split_target

CLOSE = (b"connection", b"close")


class StrictConnection(h11.Connection):
    """Refuses what ``heads`` refuses, and hands every request on with a path for its target.

    h11 lets pass folded fields, bare line feeds, any version, and a length beside chunks, and
    looks at the size of a head only if it comes in pieces.
    """

    def __init__(self, limits: HeadLimits, max_requests: int) -> None:
        super().__init__(h11.SERVER, limits.max_bytes)
        self._limits = limits
        self._requests_left = max_requests
        self.refusal = RefusedRequestError(400, "this is no request")
        """Why the last event was refused."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Give the next event.

        Raises:
            h11.RemoteProtocolError: What came is refused; ``refusal`` tells why.
        """
        try:
            if self.their_state is h11.IDLE:
                check_head(self.trailing_data[0], self._limits)
            event = super().next_event()
        except RefusedRequestError as refusal:
            self.refusal = refusal
            raise h11.RemoteProtocolError(refusal.reason, refusal.status) from refusal
        except h11.RemoteProtocolError as error:
            self.refusal = RefusedRequestError(error.error_status_hint, "the request is malformed")
            raise
        return self._plain(event) if isinstance(event, h11.Request) else event

    def _plain(self, request: h11.Request) -> h11.Request:
        target, host = split_target(request.method, request.target)
        fields = list(request.headers)
        if host is not None:
            # Of a whole URL, its host counts, whatever the field says.
            fields = [one for one in fields if one[0] != b"host"] + [(b"host", host)]
        self._requests_left -= 1
        # After chunks, a disagreement about where they end could hide a request.
        is_chunked = any(name == b"transfer-encoding" for name, _ in fields)
        if is_chunked or self._requests_left <= 0:
            fields = [one for one in fields if one[0] != b"connection"] + [CLOSE]
        if fields == list(request.headers) and target == request.target:
            return request
        return h11.Request(
            method=request.method,
            target=target,
            headers=fields,
            http_version=request.http_version,
        )
