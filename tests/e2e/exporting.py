"""Exports the model of a run with the command itself, and places every stored vector with it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import skops.io
from sklearn.decomposition import PCA

from shared.contracts.projection import ProjectionModel
from tests.e2e.local_run import read_pair


def check_exports(output: Path, folder: Path, *where: str) -> int:
    """Compare both formats with the files; return the version.

    Args:
        output: The run, at rest, whose last fit counts every record.
        folder: For the exported files.
        where: The options that say where the model comes from.
    """
    logs, table = read_pair(output)
    vectors = np.stack(table["vector"].to_numpy())
    places = np.column_stack([logs["projection_x"], logs["projection_y"]])
    shown = ProjectionModel.model_validate_json(logs.schema.metadata[b"mapstream.model"])

    receipts = [_export(folder / f"model.{form}", *where) for form in ("skops", "json")]
    pca = skops.io.load(folder / "model.skops")
    document = json.loads((folder / "model.json").read_text())

    assert [one["version"] for one in receipts] == [document["version"]] * 2 == [shown.version] * 2
    np.testing.assert_allclose(pca.transform(vectors), places, rtol=0, atol=1e-6)
    plain = (vectors - np.array(document["mean"])) @ np.array(document["components"]).T
    np.testing.assert_allclose(plain, places, rtol=0, atol=1e-6)
    _check_figures(pca, vectors, places)
    assert document["explained_variance"] == pca.explained_variance_.tolist()
    assert document["record_count"] == len(vectors)
    return document["version"]


def _check_figures(pca: PCA, vectors: np.ndarray, places: np.ndarray) -> None:
    """Compare with scikit-learn's own fit, and with the points along the axes of the map."""
    reference = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))
    variance = reference.explained_variance_.sum()
    np.testing.assert_allclose(pca.mean_, reference.mean_, atol=1e-6)
    np.testing.assert_allclose(pca.explained_variance_.sum(), variance, rtol=1e-5)
    np.testing.assert_allclose(pca.noise_variance_, reference.noise_variance_, rtol=1e-5)
    along = places.astype(np.float64).var(axis=0, ddof=1)
    np.testing.assert_allclose(pca.explained_variance_, along, rtol=1e-4)
    angles = np.linalg.svd(pca.components_ @ reference.components_.T, compute_uv=False)
    np.testing.assert_allclose(angles, 1, atol=1e-5)


def _export(file: Path, *where: str) -> dict[str, object]:
    words = ["model", "export", "-o", str(file), "--force", "--json", *where]
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
