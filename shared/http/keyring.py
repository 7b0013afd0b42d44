"""Who may do what: roles, and the tokens that prove them."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; who may operate may read too."""

    READ = "read"
    OPERATE = "operate"

    def includes(self, needed: "Role") -> bool:
        """Tell whether somebody of this role may do what needs another."""
        return self is Role.OPERATE or needed is Role.READ


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    role: Role


ANYBODY = Caller("anybody", Role.OPERATE)
"""The caller where no tokens are asked for."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token as far as it is kept: only its SHA-256."""

    caller: Caller
    digest: bytes


class Keyring:
    """The tokens that are known; without any, everybody may do everything."""

    def __init__(self, credentials: Iterable[Credential] = ()) -> None:
        self._credentials = tuple(credentials)

    @property
    def is_open(self) -> bool:
        """Whether no tokens are asked for."""
        return not self._credentials

    def identify(self, token: str) -> Caller | None:
        """Return whose token this is, in a time that tells nothing about the tokens."""
        digest = digest_of(token)
        found = None
        for one in self._credentials:
            if hmac.compare_digest(one.digest, digest):
                found = one.caller
        return found


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token; tokens are random, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def bearer_token(header: str) -> str:
    """Return the token of an ``Authorization`` header; nothing if it carries none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
