"""The exported PCA is what scikit-learn itself would have fitted, turned as the map is."""

import os
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from services.cli.adapters.model_files import write_file
from services.cli.adapters.skops_model import dumps
from services.projection.domain.fitting import align, fit
from services.projection.domain.moments import Moments
from shared.contracts.model_document import ModelDocument
from shared.contracts.projection import encode_floats
from shared.errors import ConfigurationError
from tests.builders import projection_model

VECTORS = np.random.default_rng(1).normal(size=(60, 7)).astype(np.float32) * np.arange(7, 0, -1)
SUMS = ("mean_", "noise_variance_", "n_samples_", "n_components_", "n_features_in_")
ALONG = ("explained_variance_", "explained_variance_ratio_", "singular_values_")


def exported(vectors: np.ndarray = VECTORS, **changes: Any) -> Any:
    """What somebody loads who has the file and no reason to trust it."""
    body = dumps(ModelDocument.of(projection_model(vectors, **changes)))
    assert skops.io.get_untrusted_types(data=body) == []
    return skops.io.loads(body)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(3, 60),
    dimension=st.integers(2, 20),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    angle=st.sampled_from([0.0, 0.7, 2.0]),
)
def test_it_is_what_scikit_learn_fits_up_to_turns_of_the_axes(
    seed: int, count: int, dimension: int, offset: float, angle: float
) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(count, dimension)) * 3 + offset).astype(np.float32)
    reference = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))

    pca = exported(vectors, angle=angle)

    for name in SUMS:
        room = 1e-6 * max(1.0, offset)
        np.testing.assert_allclose(getattr(pca, name), getattr(reference, name), atol=room)
    for name in ALONG:
        power = 2 if name == "singular_values_" else 1
        sums = [(getattr(one, name) ** power).sum() for one in (pca, reference)]
        assert sums[0] == pytest.approx(sums[1], rel=1e-6)
    ours, theirs = (one.transform(vectors.astype(np.float64)) for one in (pca, reference))
    left, _, right = np.linalg.svd(theirs.T @ ours)
    diagonal = np.ptp(theirs, axis=0).max()
    room = 1e-5 * diagonal + 1e-7 * offset * dimension**0.5
    np.testing.assert_allclose(ours, theirs @ (left @ right), rtol=0, atol=room)


def test_unturned_axes_have_scikit_learns_own_figures() -> None:
    reference = PCA(n_components=2, svd_solver="full").fit(VECTORS.astype(np.float64))

    pca = exported()

    for name in ALONG:
        np.testing.assert_allclose(getattr(pca, name), getattr(reference, name), rtol=1e-6)
    np.testing.assert_allclose(pca.get_covariance(), reference.get_covariance(), atol=1e-4)
    assert abs((pca.components_ * reference.components_).sum(axis=1)) == pytest.approx([1, 1])


def test_along_turned_axes_it_tells_the_variance_of_the_points_there() -> None:
    pca = exported(angle=0.9)

    points = pca.transform(VECTORS)

    np.testing.assert_allclose(pca.explained_variance_, points.var(axis=0, ddof=1), rtol=1e-5)
    assert pca.explained_variance_[0] < pca.explained_variance_[1]
    total = VECTORS.astype(np.float64).var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(
        pca.explained_variance_ratio_, pca.explained_variance_ / total, rtol=1e-6
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), offset=st.sampled_from([0.0, 1e4, -1e6]))
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_it_places_a_vector_where_the_map_does(
    kind: type[np.floating], seed: int, offset: float
) -> None:
    """The model is one of our own: fitted to moments, and turned onto an older map."""
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(50, 6)) + offset).astype(np.float32)
    moments = Moments.of(vectors)
    fitted = align(fit(moments), fit(Moments.of(vectors[:9])).plane, moments)
    plane = fitted.plane
    body = dumps(ModelDocument.of(projection_model(
        vectors, mean=encode_floats(plane.mean), components=encode_floats(plane.components),
        explained_variance=fitted.explained_variance,
        explained_variance_ratio=fitted.explained_variance_ratio,
    )))  # fmt: skip

    found = skops.io.loads(body).transform(vectors.astype(kind))

    wanted = plane.project(vectors)
    room = 2e-7 * np.abs(wanted).max() + 1e-12 * abs(offset)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=room)


def test_it_has_all_that_a_fit_leaves_and_works_as_any_other() -> None:
    """A later scikit-learn may need something more; then this is the place where it is seen."""
    reference = PCA(n_components=2, svd_solver="full").fit(VECTORS)

    with warnings.catch_warnings(action="error"):
        pca = exported()
        check_is_fitted(pca)
        back = pca.inverse_transform(pca.transform(VECTORS))
        names = pca.get_feature_names_out().tolist()

    assert vars(reference).keys() == vars(pca).keys() - {"mapstream_"}
    assert {k: v for k, v in vars(reference).items() if k in reference.get_params()} == (
        pca.get_params()
    )
    assert not pca.whiten
    np.testing.assert_allclose(
        back, reference.inverse_transform(reference.transform(VECTORS)), atol=1e-4
    )
    assert names == ["pca0", "pca1"]
    assert pca.mapstream_ == {"collection": "default", "version": 3}
    with pytest.raises(ValueError, match="6 features, but PCA is expecting 7"):
        pca.transform(VECTORS[:, :6])


@pytest.mark.parametrize(
    "vectors", [np.full((1, 5), 2.5), np.full((4, 3), 7.0), np.arange(5.0)[:, None], np.eye(2)],
    ids=["one", "identical", "d=1", "d=2"],
)  # fmt: skip
def test_degenerate_models_are_finite(vectors: np.ndarray) -> None:
    moments = Moments.of(vectors.astype(np.float32))
    fitted = fit(moments)
    pca = exported(
        vectors,
        components=encode_floats(fitted.plane.components),
        explained_variance=fitted.explained_variance,
        explained_variance_ratio=fitted.explained_variance_ratio,
    )

    np.testing.assert_allclose(pca.transform(vectors), fitted.plane.project(vectors), atol=1e-6)
    assert np.isfinite([*pca.explained_variance_, *pca.singular_values_]).all()
    assert pca.noise_variance_ == 0


def test_what_an_older_version_did_not_keep_is_no_number() -> None:
    pca = exported(explained_variance=None)

    assert np.isnan([*pca.explained_variance_, *pca.singular_values_, pca.noise_variance_]).all()
    assert np.isfinite(pca.transform(VECTORS)).all()


# --- the file


def test_a_file_is_written_once_and_again_only_if_that_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    os.umask(0o027)
    write_file(file, b"one", may_replace=False)

    with pytest.raises(ConfigurationError, match=r"m\.json: is there already; .*--force"):
        write_file(file, b"two", may_replace=False)
    assert file.read_bytes() == b"one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640

    write_file(file, b"two", may_replace=True)
    assert file.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_leads_to_the_file_and_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "m.json", tmp_path / "newest.json"
    file.write_bytes(b"one")
    link.symlink_to(file)

    write_file(link, b"two", may_replace=True)

    assert link.is_symlink()
    assert file.read_bytes() == b"two"


def test_a_place_that_cannot_be_written_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    places = {
        tmp_path: "is no file",
        tmp_path / "pipe": "is no file",
        tmp_path / "none" / "m.json": "No such file or directory; name another place with -o",
        plain / "m.json": "Not a directory",
        tmp_path / ("m" * 255): "File name too long",
        Path("/proc/m.json"): "cannot be written",
    }
    for place, words in places.items():
        with pytest.raises(ConfigurationError, match=words) as told:
            write_file(place, b"one", may_replace=True)
        assert str(told.value).startswith(f"{place}: ")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["pipe", "plain"]
