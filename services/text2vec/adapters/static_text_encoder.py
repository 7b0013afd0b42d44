"""The default model: one vector per word piece, summed. Needs numpy and tokenizers only.

The table was distilled from all-MiniLM-L6-v2 by ``docs/generators/static_table.py``: how rare a
piece is, is part of its scale. Punctuation and special pieces are *quiet*, they weigh nothing
beside words. So that every text has a direction nevertheless:

1. a text with nothing but quiet pieces is the sum of those;
2. a text without any piece (control characters only) or whose sum is zero gets the direction of
   the piece ``[UNK]``, the one that stands for what the vocabulary does not know.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from services.text2vec.domain.batches import group_by_size
from services.text2vec.domain.pooling import add_rows, scale_to_unit
from services.text2vec.domain.texts import cut_text, split_text
from services.text2vec.ports import Encoded
from shared.errors import ConfigurationError

WEIGHTS = Path(__file__).with_name("weights")
MODEL_ID = "static-minilm-l6-256-v1"
MAX_CHARACTERS = 1_048_576
PIECE_CHARACTERS = 16_384
GROUP_CHARACTERS = 65_536
GROUP_TEXTS = 64


class Weights(NamedTuple):
    """What the folder of weights holds.

    Attributes:
        table: An int8 row per word piece, mapped into memory.
        scales: What each row is to be multiplied with.
        quiet: Which rows weigh nothing beside others.
        tokenizer: Splits texts into word pieces.
    """

    table: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    quiet: npt.NDArray[np.bool_]
    tokenizer: Tokenizer


class StaticTextEncoder:
    """Encodes by summing the vectors of a text's word pieces."""

    def __init__(self, weights: Weights) -> None:
        self._table = weights.table
        self._scales = weights.scales
        self._quiet = weights.quiet
        self._tokenizer = weights.tokenizer
        unknown = self._tokenizer.token_to_id("[UNK]")
        self._fallback = self._table[unknown] * self._scales[unknown]

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> "StaticTextEncoder":
        """Open the weights.

        Raises:
            ConfigurationError: The weights are missing or damaged.
        """
        return cls(load_weights(folder))

    @property
    def model_id(self) -> str:
        """Name the vector space."""
        return MODEL_ID

    @property
    def dimension(self) -> int:
        """Return the number of components of every vector."""
        return self._table.shape[1]

    @property
    def max_tokens(self) -> int | None:
        """Return nothing: all tokens of the part that is read count."""
        return None

    @property
    def max_characters(self) -> int:
        """Return how many characters of a text are read at most."""
        return MAX_CHARACTERS

    def encode(self, texts: list[str]) -> Encoded:
        """Encode texts; see the port. Memory is bounded by the text, not by its tokens."""
        loud = np.zeros((len(texts), self.dimension))
        quiet = np.zeros((len(texts), self.dimension))
        counts = [0] * len(texts)
        for group in group_by_size(
            read_pieces(texts), max_items=GROUP_TEXTS, max_size=GROUP_CHARACTERS
        ):
            encodings = self._tokenizer.encode_batch_fast(
                [piece for _, piece in group], add_special_tokens=False
            )
            for (position, _), encoding in zip(group, encodings, strict=True):
                ids = np.array(encoding.ids, np.int64)
                counts[position] += len(ids)
                silent = self._quiet[ids]
                add_rows(self._table, self._scales, ids[~silent], loud[position])
                if not loud[position].any():
                    add_rows(self._table, self._scales, ids[silent], quiet[position])
        sums = np.where(loud.any(axis=1, keepdims=True), loud, quiet)
        sums[~sums.any(axis=1)] = self._fallback
        return Encoded(scale_to_unit(sums), tuple(counts))


def read_pieces(texts: Iterable[str]) -> Iterable[tuple[tuple[int, str], int]]:
    """Yield the parts of the texts that are read, each with its text's position, and its size."""
    for position, text in enumerate(texts):
        for piece in split_text(cut_text(text, MAX_CHARACTERS), PIECE_CHARACTERS):
            yield (position, piece), len(piece)


def load_weights(folder: Path) -> Weights:
    """Open a folder of weights.

    Raises:
        ConfigurationError: The weights are missing or damaged.
    """
    try:
        table = np.asarray(np.load(folder / "table.npy", mmap_mode="r"))
        scales = np.load(folder / "scales.npy")
        quiet = np.load(folder / "quiet.npy")
        tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise ConfigurationError(f"text2vec: weights in {folder} are unusable: {error}") from error
    if not len(table) == len(scales) == len(quiet) == tokenizer.get_vocab_size():
        raise ConfigurationError(f"text2vec: weights in {folder} do not belong together")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Weights(table, scales, quiet, tokenizer)
