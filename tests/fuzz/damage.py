"""Damages bytes as disks, networks, editors and bad luck do; the same seed, the same damage."""

import random

WORDS = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\n", b"\\ud800", b"\xed\xa0\x80", b"NaN",
    b"-Infinity", b"1e999", b"9" * 40, b"9" * 5000, b"null", b'"', b"{", b"}", b"[" * 2000, b",",
    b'"type": "iteration", "response": "x", "iteration": 1,',
)  # fmt: skip
"""What upsets readers of text."""
NUMBERS = (b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f", b"\1\0\0\0", b"\0\0\0\x80")
"""Lengths that lie."""


def damaged(body: bytes, random_: random.Random) -> bytes:
    """Flip, overwrite, cut out, cut off, repeat, move or insert some bytes."""
    result = bytearray(body or b"\0")
    for _ in range(random_.choice([1, 1, 1, 2, 3, 8])):
        _damage(result, random_)
        result = result or bytearray(b"\0")
    return bytes(result)


def _damage(result: bytearray, random_: random.Random) -> None:
    at = random_.randrange(len(result))
    some = random_.randrange(1, 40)
    match random_.randrange(9):
        case 0:
            result[at] ^= 1 << random_.randrange(8)
        case 1 | 2:
            result[at] = random_.choice([0, 1, 2, 4, 8, 16, 127, 128, 255])
        case 3:
            result[at : at + 4] = random_.choice(NUMBERS)
        case 4:
            del result[at : at + some]
        case 5:
            del result[at + 1 :]
        case 6:
            result[at:at] = random_.choice(WORDS)
        case 7:
            result[at:at] = result[at : at + 20 * some]
        case _:
            other = random_.randrange(len(result))
            result[at : at + some] = result[other : other + 3 * some]
