"""How the text of a file is written, and why it is taken to be so.

In this order: a byte order mark; what a person has said; strict UTF-8; UTF-16 by its zeros; then
what the bytes look like. Only where they form whole words beyond ASCII is a detector asked, since
it cannot tell the Western ones apart: those are read as Windows-1252.
"""

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

BLOCK: Final = 1 << 20
SAMPLE: Final = 256 << 10
BYTE_RUN: Final = re.compile(rb"[\x80-\xff]+")
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
"""The longer ones first: the mark of UTF-16 is the beginning of that of UTF-32."""
NOT_LATIN: Final = {
    **dict.fromkeys(("cp949", "euc_kr", "johab"), "cp949"),
    **dict.fromkeys(("cp932", "shift_jis", "shift_jis_2004", "shift_jisx0213"), "cp932"),
    **dict.fromkeys(("euc_jp", "euc_jis_2004", "euc_jisx0213"), "euc_jp"),
    **dict.fromkeys(("gb18030", "gbk", "gb2312", "hz"), "gb18030"),
    **dict.fromkeys(("big5", "cp950"), "cp950"),
    "big5hkscs": "big5hkscs",
    **dict.fromkeys(("cp1251", "iso8859_5", "mac_cyrillic"), "cp1251"),
    **dict.fromkeys(("cp866", "cp855", "cp1125"), "cp866"),
    **dict.fromkeys(("koi8_r", "koi8_u", "koi8_t"), "koi8_u"),
    **dict.fromkeys(("cp1253", "iso8859_7"), "cp1253"),
    **dict.fromkeys(("cp1255", "iso8859_8", "cp424"), "cp1255"),
    **dict.fromkeys(("cp1256", "iso8859_6"), "cp1256"),
    **dict.fromkeys(("cp874", "tis_620", "iso8859_11"), "cp874"),
}
"""What a detector says, and what is read by it: the widest of those that it cannot tell apart."""
CENTRAL: Final = ["cp1250", "cp1254", "cp1257"]
LONE: Final = 0.6
STRANGE: Final = 0.15
FEWER_BAD: Final = 3
WIDE_ZEROS: Final = 0.3
FEWEST_PAIRS: Final = 4
ALPHABETS: Final = (3, 4, 5, 6)
"""The high bytes of Greek, Cyrillic, Hebrew and Arabic letters; no text has them as bytes."""
ONE_ALPHABET: Final = 0.9
MOST_HANJA: Final = 0.15
HANGUL: Final = re.compile("[\uac00-\ud7a3]")
HAN: Final = re.compile("[\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to write text as bytes."""

    codec: str
    why: str
    skip: int = 0
    """Bytes of the mark."""
    is_certain: bool = True
    bad_bytes: int = 0
    """Bytes that are no text in it; they are read as Windows-1252 has them."""


def find_encoding(file: BinaryIO, told: str | None = None) -> Encoding:
    """Find out how a file's text is written; its position afterwards is its beginning.

    Args:
        file: It can be read from any position.
        told: What a person has said; it goes before everything but a mark.
    """
    file.seek(0)
    head = file.read(4096)
    try:
        return _by_its_beginning(head, told) or _by_all_of_it(file)
    finally:
        file.seek(0)


def _by_its_beginning(head: bytes, told: str | None) -> Encoding | None:
    for mark, codec, name in MARKS:
        if head.startswith(mark):
            return Encoding(codec, f"its first bytes are the mark of {name}", len(mark))
    if told is not None:
        return Encoding(codecs.lookup(told).name, "it was told so")
    return wide(head)


def wide(head: bytes) -> Encoding | None:
    """Know UTF-16 without a mark by the zeros of its ASCII characters, or by one alphabet."""
    half = len(head) // 2
    if half < FEWEST_PAIRS:
        return None
    even, odd = head[0 : 2 * half : 2].count(0) / half, head[1 : 2 * half : 2].count(0) / half
    if odd >= WIDE_ZEROS and odd > 4 * even:
        return Encoding("utf-16-le", "every second byte is zero", is_certain=False)
    if even >= WIDE_ZEROS and even > 4 * odd:
        return Encoding("utf-16-be", "every second byte is zero", is_certain=False)
    for codec, high, low in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        alphabet = max(ALPHABETS, key=high.count)
        of_it = high.count(alphabet)
        if (
            of_it
            and of_it + high.count(0) > ONE_ALPHABET * half
            and low.count(alphabet) < of_it / 4
        ):
            why = "every second byte is zero or that of one alphabet"
            return Encoding(codec, why, is_certain=False)
    return None


@dataclass(slots=True)
class _Survey:
    """What all bytes of a file look like."""

    beyond: int = 0
    bad: int = 0
    sample: bytes = b""

    def take(self, block: bytes, *, is_last: bool) -> bytes:
        """Look at a block; return its last bytes if they may be the beginning of a character."""
        text, bad, rest = _decoded_utf8(block, is_last=is_last)
        self.bad += bad
        self.beyond += sum(map(len, re.findall("[\x80-\U0010ffff]+", text)))
        if len(self.sample) < SAMPLE:
            whole = block[: len(block) - len(rest)]
            lines = (line for line in whole.splitlines(keepends=True) if not line.isascii())
            self.sample += b"".join(lines)[:SAMPLE]
        return rest


def _decoded_utf8(block: bytes, *, is_last: bool) -> tuple[str, int, bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text = decoder.decode(block, final=is_last)
    rest = decoder.getstate()[0]
    bad = len(re.findall("[\udc80-\udcff]", text)) if not block.isascii() else 0
    return re.sub("[\udc80-\udcff]", "", text) if bad else text, bad, rest


def _by_all_of_it(file: BinaryIO) -> Encoding:
    survey, rest = _Survey(), b""
    file.seek(0)
    while block := file.read(BLOCK):
        if not rest and block.isascii():
            continue
        rest = survey.take(rest + block, is_last=False)
    if rest:
        survey.take(rest, is_last=True)
    if not survey.bad:
        return Encoding("utf-8", _why_utf8(survey.beyond))
    if survey.beyond > FEWER_BAD * survey.bad:
        why = f"all but {survey.bad} of its bytes are UTF-8"
        return Encoding("utf-8", why, is_certain=False, bad_bytes=survey.bad)
    return by_looks(survey.sample)


def _why_utf8(beyond: int) -> str:
    return "all of it is valid UTF-8" if beyond else "all of it is ASCII"


def by_looks(sample: bytes) -> Encoding:
    """Guess how text that is no UTF-8 is written, from its lines that are not ASCII."""
    runs = BYTE_RUN.findall(sample)
    beyond = sum(map(len, runs))
    in_words = sum(len(run) for run in runs if len(run) > 1)
    if in_words > LONE * beyond and (found := _asked(sample)) is not None:
        why = f"it is no UTF-8, and its bytes beyond ASCII look like {found[1]}"
        return Encoding(found[0], why, is_certain=False)
    if _strange_in_words(sample) > STRANGE:
        best = from_bytes(sample, cp_isolation=CENTRAL).best()
        if best is not None:
            why = f"it is no UTF-8, and its words look like {best.encoding}"
            return Encoding(best.encoding, why, is_certain=False)
    why = "it is no UTF-8, and its single bytes beyond ASCII fit Western text"
    return Encoding("cp1252", why, is_certain=False)


def _asked(sample: bytes) -> tuple[str, str] | None:
    best = from_bytes(sample).best()
    if best is None or best.encoding not in NOT_LATIN:
        best = from_bytes(sample, cp_isolation=sorted(set(NOT_LATIN.values()))).best()
    if best is None:
        return None
    codec = NOT_LATIN[best.encoding]
    if codec == "cp949" and _is_chinese(sample):
        return "gb18030", "Chinese"
    language = best.language if best.language != "Unknown" else best.encoding
    return codec, language


def _is_chinese(sample: bytes) -> bool:
    """Tell Chinese from Korean of the same bytes: that is written with few Chinese characters."""
    korean = sample.decode("cp949", "replace")
    hangul, hanja = len(HANGUL.findall(korean)), len(HAN.findall(korean))
    try:
        sample.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return hanja > MOST_HANJA * (hangul + hanja)


def _strange_in_words(sample: bytes) -> float:
    """Return which share of the bytes inside words would be no letters in Windows-1252."""
    text = sample.decode("cp1252", "replace")
    inside = re.findall(r"(?<=[a-z])[\x80-\U0010ffff]+(?=[a-z])", text)
    beyond = "".join(inside).replace("\u2019", "")
    return sum(not one.isalpha() for one in beyond) / len(beyond) if beyond else 0.0


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(map(shown_byte, bad)), error.end


def shown_byte(byte: int) -> str:
    """Return the character that a byte is in Windows-1252; of the five that are none, U+FFFD."""
    return bytes([byte]).decode("cp1252", "replace")


BAD_BYTES: Final = "mapstream-windows-1252"
codecs.register_error(BAD_BYTES, _as_windows_1252)
