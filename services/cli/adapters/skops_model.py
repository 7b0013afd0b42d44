"""A model as a fitted scikit-learn PCA, in skops's format: loading it runs no code of the file.

Loading this module takes a second, so only the export in this format does.
"""

import numpy as np
import skops.io
from sklearn.decomposition import PCA

from shared.contracts.model_document import ModelDocument


def dumps(document: ModelDocument) -> bytes:
    """Write a model as the PCA whose ``transform`` gives the map's coordinates."""
    return skops.io.dumps(fitted_pca(document))


def fitted_pca(document: ModelDocument) -> PCA:
    """Return the PCA of a model, with all that a fit leaves.

    What is derived from the variances is NaN if the model does not tell them.
    """
    count, d, axes = document.record_count, document.dimension, len(document.components)
    variance = np.array(document.explained_variance or [np.nan] * axes)
    share = sum(document.explained_variance_ratio)
    rest = np.maximum(0.0, variance.sum() * (1 / share - 1)) if share else 0.0
    others = min(count, d) - axes
    pca = PCA(n_components=axes, svd_solver="full")
    vars(pca).update(
        # In float64, so that scikit-learn computes in it; the values are those of the map.
        mean_=np.array(document.mean),
        components_=np.array(document.components),
        n_components_=axes,
        n_features_in_=d,
        n_samples_=count,
        explained_variance_=variance,
        explained_variance_ratio_=np.array(document.explained_variance_ratio),
        singular_values_=np.sqrt(variance * max(0, count - 1)),
        noise_variance_=float(rest / others) if others > 0 else 0.0,
        _fit_svd_solver=pca.svd_solver,
        mapstream_=document.model_dump(mode="json", include={"collection", "version"}),
    )
    return pca
