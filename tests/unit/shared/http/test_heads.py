"""What is a request and what is none; nothing here is sent anywhere."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.heads import END, HeadLimits, RefusedRequestError, check_head, split_target

LIMITS = HeadLimits()
CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCabc"

tokens = st.text(CHARACTERS, min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
SPECIAL = ("host", "content-length", "transfer-encoding", "expect")
fields = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() not in SPECIAL), values), max_size=5
)


@st.composite
def good_heads(draw: st.DrawFn) -> bytes:
    lines = [f"{draw(tokens)} /{draw(tokens).replace('#', '')} HTTP/1.1", "Host: map.example:80"]
    lines += [f"{name}:{value}" for name, value in draw(fields)]
    return "\r\n".join([*lines, "", ""]).encode()


@given(good_heads())
def test_a_request_is_taken_whole_and_in_any_two_pieces(head: bytes) -> None:
    for length in range(len(head) + 1):
        check_head(head[:length], LIMITS)


@given(good_heads(), st.data())
def test_a_byte_that_could_end_a_line_elsewhere_is_refused(
    head: bytes, data: st.DataObject
) -> None:
    stray = data.draw(st.sampled_from([b"\n", b"\r", b"\0", b"\x0b", b"\x1f", b"\x7f"]))
    places = [
        at for at in range(len(head) - len(END)) if head[at : at + 1] not in b"\r\n" and at > 0
        and head[at - 1 : at] not in b"\r\n"
    ]  # fmt: skip
    at = data.draw(st.sampled_from(places))

    with pytest.raises(RefusedRequestError) as refused:
        check_head(head[:at] + stray + head[at:], LIMITS)

    assert refused.value.status == 400


@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_awaited_and_nothing_else(rubbish: bytes) -> None:
    with suppress(RefusedRequestError):
        check_head(rubbish, LIMITS)
    with pytest.raises(RefusedRequestError):
        check_head(b"\xff" + rubbish.replace(END, b"") + END, LIMITS)


def request(*fields: str, line: str = "GET / HTTP/1.1", host: str | None = "x") -> bytes:
    lines = [line, *([] if host is None else [f"Host: {host}"]), *fields, "", ""]
    return "\r\n".join(lines).encode()


CHUNKED = "Transfer-Encoding: chunked"
REFUSED = {
    "a length beside chunks": (400, request("Content-Length: 5", CHUNKED)),
    "chunks beside a length": (400, request(CHUNKED, "Content-Length: 5")),
    "two lengths": (400, request("Content-Length: 5", "Content-Length: 6")),
    "one length twice": (400, request("Content-Length: 5", "Content-Length: 5")),
    "a list of lengths": (400, request("Content-Length: 5, 5")),
    "a length with a sign": (400, request("Content-Length: +5")),
    "a negative length": (400, request("Content-Length: -5")),
    "a hexadecimal length": (400, request("Content-Length: 0x5")),
    "a length with an underscore": (400, request("Content-Length: 1_0")),
    "a length that is empty": (400, request("Content-Length:")),
    "a length beyond all sense": (400, request("Content-Length: " + "9" * 30)),
    "chunks and more after them": (400, request("Transfer-Encoding: chunked, gzip")),
    "chunks twice": (400, request(CHUNKED, CHUNKED)),
    "nearly chunks": (400, request("Transfer-Encoding: xchunked")),
    "no chunks": (400, request("Transfer-Encoding: identity")),
    "compressed chunks": (501, request("Transfer-Encoding: gzip, chunked")),
    "chunks in HTTP/1.0": (400, request(CHUNKED, line="POST / HTTP/1.0")),
    "no host": (400, request(host=None)),
    "two hosts": (400, request("Host: y")),
    "a host that is a path": (400, request(host="x/y")),
    "a host with a user": (400, request(host="me@x")),
    "a host with a blank": (400, request(host="x y")),
    "a folded field": (400, request("X: a", " b")),
    "a folded first field": (400, request(" X: a")),
    "a blank before the colon": (400, request("X : a")),
    "no colon": (400, request("X")),
    "no name": (400, request(": a")),
    "no version": (400, request(line="GET /")),
    "half a version": (400, request(line="GET / HTTP/1")),
    "a small version": (400, request(line="GET / http/1.1")),
    "version 0.9": (505, request(line="GET / HTTP/0.9")),
    "version 2": (505, request(line="PRI * HTTP/2.0", host=None)),
    "version 3": (505, request(line="GET / HTTP/3.0")),
    "two blanks": (400, request(line="GET  / HTTP/1.1")),
    "a target that is none": (400, request(line="GET nowhere HTTP/1.1")),
    "a fragment": (400, request(line="GET /#top HTTP/1.1")),
    "another scheme": (400, request(line="GET ftp://x/ HTTP/1.1")),
    "a user in the target": (400, request(line="GET http://me@x/ HTTP/1.1")),
    "an asterisk": (400, request(line="GET * HTTP/1.1")),
    "a tunnel": (501, request(line="CONNECT x:80 HTTP/1.1")),
    "an expectation": (417, request("Expect: miracles")),
    "too many fields": (431, request(*["x: y"] * 101)),
    "a long head at once": (431, request("x: " + "a" * 17_000)),
    "a long target at once": (414, request(line=f"GET /{'a' * 9_000} HTTP/1.1")),
    "a long head without end": (431, request("x: " + "a" * 17_000)[:-4]),
    "a long target without end": (414, b"GET /" + b"a" * 9_000),
    "a handshake of TLS": (400, b"\x16\x03\x01"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused(case: str) -> None:
    status, head = REFUSED[case]
    with pytest.raises(RefusedRequestError) as refused:
        check_head(head, LIMITS)

    assert (refused.value.status, bool(refused.value.reason)) == (status, True)


@pytest.mark.parametrize(
    "head",
    [
        request("Content-Length: 5", "Expect: 100-Continue"),
        request("Transfer-Encoding: CHUNKED"),
        request("X:\ta\tb  "),
        request("X: caf\xe9", "Empty:"),
        request(host="[::1]:8000"),
        request(host=""),
        request(host=None, line="GET / HTTP/1.0"),
        request(line="GET http://x:80/a?b HTTP/1.1"),
        request(line="OPTIONS * HTTP/1.1"),
        request(line="GET //x HTTP/1.1"),
        request(line="GET / HTTP/1.2"),
    ],
)
def test_it_is_taken(head: bytes) -> None:
    check_head(head + b"\0\n what follows is no part of it", LIMITS)


@pytest.mark.parametrize(
    ("method", "target", "path", "host"),
    [
        (b"GET", b"/a?b=c", b"/a?b=c", None),
        (b"GET", b"HTTP://x:80/a?b=c", b"/a?b=c", b"x:80"),
        (b"GET", b"https://x", b"/", b"x"),
        (b"GET", b"http://x?b", b"/?b", b"x"),
        (b"OPTIONS", b"http://x", b"*", b"x"),
        (b"OPTIONS", b"*", b"*", None),
    ],
)
def test_a_whole_url_is_a_host_and_a_path(
    method: bytes, target: bytes, path: bytes, host: bytes | None
) -> None:
    assert split_target(method, target) == (path, host)
