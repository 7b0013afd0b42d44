import pytest

from shared.http.networks import Trusted, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::"),
        ("testclient", "testclient"),
    ],
)
def test_the_addresses_of_one_customer_count_together(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7", "192.168.3.9"])
def test_a_proxy_is_known_however_its_address_is_written(address: str) -> None:
    assert address in Trusted(("10.0.0.0/8", "fd00::/8", "192.168.3.9"))


@pytest.mark.parametrize("address", ["11.1.2.3", "fe80::7%eth0", "unknown", ""])
def test_others_are_no_proxies(address: str) -> None:
    assert address not in Trusted(("10.0.0.0/8", "fd00::/8"))
    assert address not in Trusted(())
