from shared.http.keyring import ANYBODY, Caller, Credential, Keyring, Role, digest_of

READER = Caller("reader", Role.READ)


def test_who_may_operate_may_read_too() -> None:
    assert [Role.OPERATE.includes(Role.READ), Role.OPERATE.includes(Role.OPERATE)] == [True, True]
    assert [Role.READ.includes(Role.READ), Role.READ.includes(Role.OPERATE)] == [True, False]


def test_a_token_tells_who_has_it() -> None:
    keyring = Keyring(
        [Credential(ANYBODY, digest_of("other")), Credential(READER, digest_of("mine"))]
    )

    assert keyring.identify("mine") == READER
    assert keyring.identify("") is None
    assert keyring.identify("Mine") is None
    assert keyring.identify("\udcff") is None
    assert not keyring.is_open
    assert Keyring().is_open
