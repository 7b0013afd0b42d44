"""A connection with an end: every phase of it may last so long and no longer."""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.http.answers import answer_to
from shared.http.connection import StrictConnection
from shared.http.heads import HeadLimits, RefusedRequestError
from shared.http.marks import STREAMED

LINGER_S = 2.0
"""How long a refused client may take to read why; closing at once would tear the answer."""


class Phase(enum.Enum):
    """What a connection is at."""

    HANDSHAKE = "of TLS; nothing else was said"
    HEAD = "a head is awaited, or half of it has come"
    BODY = "the head is there, the body is not"
    WORK = "a whole request is being answered"
    IDLE = "answered; another request may come"
    LEAVING = "refused or closed; the rest of the answer is on its way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long which phase may last, seconds."""

    head_s: float = 15.0
    body_s: float = 15.0
    send_s: float = 30.0
    """How long a client may take nothing of an answer."""


class _Parting:
    """A transport that asks before it closes."""

    def __init__(
        self, transport: asyncio.Transport, part: Callable[[asyncio.Transport], None]
    ) -> None:
        self._transport = transport
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        self._part(self._transport)


class GuardedProtocol(H11Protocol):
    """uvicorn's connection, strict with what comes and impatient with what does not."""

    def __init__(
        self,
        uvicorn_state: dict[str, Any],
        *,
        heads: HeadLimits,
        patience: Patience,
        max_requests: int,
        on_refusal: Callable[[int], None],
    ) -> None:
        super().__init__(**uvicorn_state)
        self._strict = StrictConnection(heads, max_requests)
        self.conn = self._strict
        self.on_lost: Callable[[], None] = lambda: None
        self.give_up: Callable[[], Any] = lambda: None
        """Ends the handshake, before there is a transport."""
        self._patience = patience
        self._on_refusal = on_refusal
        self._phase = Phase.HANDSHAKE
        self._since_s = self.loop.time()
        self._heard_s = self._since_s
        self._stalled_since_s: float | None = None

    @property
    def waits_since_s(self) -> float | None:
        """Since when we wait for a whole request; nothing while one is being answered."""
        return None if self._phase is Phase.WORK else self._waits_since_s()

    def _waits_since_s(self) -> float:
        """Tell since when; of a body that is taken as it comes, since its last piece."""
        is_streamed = self._phase is Phase.BODY and (self.scope or {}).get(STREAMED, False)
        return self._heard_s if is_streamed else self._since_s

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(cast("Any", _Parting(transport, self.part)))
        self._enter(Phase.HEAD)

    def data_received(self, data: bytes) -> None:
        """Take what came; of a refused client nothing any more."""
        self._heard_s = self.loop.time()
        if self._phase is Phase.LEAVING:
            return
        if self._phase in (Phase.HEAD, Phase.IDLE) and not self.conn.trailing_data[0]:
            data = data.removeprefix(b"\r\n")  # some clients end a body with one too many
        if data:
            super().data_received(data)
            self._note()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()
        self._note()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the seat."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.on_lost()

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        super().pause_writing()
        self._stalled_since_s = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it takes something again."""
        super().resume_writing()
        self._stalled_since_s = None

    def shutdown(self) -> None:
        """Close, when the answer under way is sent."""
        if self._phase is Phase.LEAVING:
            self.transport.abort()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser refused; uvicorn calls it."""
        del msg
        self._refuse(self._strict.refusal)

    def part(self, transport: asyncio.Transport) -> None:
        """Close, once who still sends a body had time to read that it is not wanted."""
        if self._phase is not Phase.LEAVING and self.conn.their_state is h11.SEND_BODY:
            self._enter(Phase.LEAVING)
            self.flow.resume_reading()
            if transport.can_write_eof():
                transport.write_eof()
        else:
            transport.close()

    def send_away(self) -> None:
        """End, to make room."""
        if self.transport is None:
            self.give_up()
        elif self._is_half_said():
            self.transport.write(
                answer_to(RefusedRequestError(408, "others waited, this did not end"))
            )
            self._end()
        else:
            self._end()

    def hurry(self, now_s: float) -> None:
        """End what has lasted too long."""
        if self.transport is None:
            return  # asyncio ends a handshake
        if self.transport.is_closing():
            self._enter(Phase.LEAVING)
        stalled_s = now_s - (now_s if self._stalled_since_s is None else self._stalled_since_s)
        lasted_s = now_s - self._waits_since_s()
        patience = self._patience
        if stalled_s > patience.send_s:
            self.transport.abort()
        elif self._phase is Phase.HEAD and lasted_s > patience.head_s:
            self._refuse_late("the head of the request took too long to come")
        elif self._phase is Phase.BODY and self.flow.read_paused:
            self._heard_s = now_s  # it is our turn to take what has come
        elif self._phase is Phase.BODY and lasted_s > patience.body_s:
            self._refuse_late("the body of the request took too long to come")
        elif self._phase is Phase.LEAVING and lasted_s > LINGER_S and not self._is_sending(now_s):
            self.transport.abort()

    def _is_sending(self, now_s: float) -> bool:
        """Tell whether a closed connection still has something to send, and time for it."""
        return (
            self.transport.get_write_buffer_size() > 0
            and now_s - self._since_s <= self._patience.send_s
        )

    def _is_half_said(self) -> bool:
        return self._phase is Phase.BODY or bool(self.conn.trailing_data[0])

    def _refuse_late(self, reason: str) -> None:
        if self._is_half_said():
            self._refuse(RefusedRequestError(408, reason))
        else:
            self.transport.close()

    def _refuse(self, refusal: RefusedRequestError) -> None:
        """Say why, then end; who has an answer half already sees the connection break."""
        self._on_refusal(refusal.status)
        may_answer = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._enter(Phase.LEAVING)
        if not may_answer:
            self.transport.abort()
            return
        self.flow.resume_reading()
        self.transport.write(answer_to(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _end(self) -> None:
        self._enter(Phase.LEAVING)
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _note(self) -> None:
        """Note what the connection is at now."""
        if self._phase is Phase.LEAVING:
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._enter(Phase.BODY)
        elif state is not h11.IDLE:
            self._enter(Phase.WORK)
        elif self.conn.trailing_data[0] or self.cycle is None:
            self._enter(Phase.HEAD)
        else:
            self._enter(Phase.IDLE)

    def _enter(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase, self._since_s = phase, self.loop.time()
