"""The end of a certificate, read without a library, is what a library reads."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from shared.observability.certificates import expiry, not_after
from shared.observability.place import certificates, disks

AUTHORITY = trustme.CA()


@given(st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  Hypothesis adds the zone
def test_the_end_is_the_one_that_was_signed(end: datetime) -> None:
    """From 2050 on it is written in another way."""
    made = AUTHORITY.issue_cert("nats", not_after=end)
    pem = made.cert_chain_pems[0].bytes()

    told = not_after(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))

    assert told == end.replace(microsecond=0).timestamp()


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ValueError, match="is no certificate"):
        not_after(content)


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    end = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    made = AUTHORITY.issue_cert("nats", not_after=end)
    file = tmp_path / "chain.pem"
    AUTHORITY.cert_pem.write_to_path(file)
    for part in made.cert_chain_pems:
        part.write_to_path(file, append=True)

    assert expiry(file) == end.timestamp()


def test_a_file_that_is_no_certificate_counts_as_ended(tmp_path: Path) -> None:
    """Whoever starts now cannot use it, whatever those do that have read it before."""
    (tmp_path / "no.pem").write_text("nothing of the kind")
    files = {"a": tmp_path / "no.pem", "b": tmp_path / "absent.pem", "c": None}

    told = {one.labels["certificate"]: one.value for one in certificates("gateway", files)}

    assert told == {"a": 0.0, "b": 0.0}


def test_the_disk_of_a_folder_that_is_not_there_yet_is_told(tmp_path: Path) -> None:
    told = list(disks("writing", {"output": tmp_path / "not" / "yet"}))

    assert {one.gauge.name for one in told} == {
        "mapstream_disk_free_bytes",
        "mapstream_disk_size_bytes",
    }
    assert all(one.value > 0 for one in told)
