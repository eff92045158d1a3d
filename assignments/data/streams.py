"""Random streams that only a secret can reproduce.

Every stream is `default_rng` of HMAC-SHA256(secret, purpose). One secret gives as many independent streams as there are
purposes, in any order, and no stream reveals anything about another or about the secret. A process that may draw only
some streams receives their keys instead of the secret: `Keys`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

PUBLISHED = b"medmark: known to every student!"
"""The secret of students' own runs and of everything that a course publishes: 32 bytes that hide nothing."""


Purpose = tuple[str, ...]
"""What a stream is for, e.g. `("mlp_classifier", "test", "0")`."""


@dataclass(frozen=True)
class Keys:
    """The keys of some streams. They draw these and no others: nobody can compute the secret from them."""

    _by_purpose: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, secret: SecretOrKeys, purposes: Iterable[Purpose]) -> Keys:
        """The keys of these purposes."""
        return cls({"/".join(purpose): key(secret, *purpose) for purpose in purposes})

    def __getitem__(self, purpose: str) -> bytes:
        if purpose not in self._by_purpose:
            raise ValueError(f"the key of the stream {purpose!r} was not handed over")
        return self._by_purpose[purpose]


SecretOrKeys = bytes | Keys
"""What streams are drawn from: a secret draws all of them, keys draw their own."""


def stream(secret: SecretOrKeys, *purpose: str) -> np.random.Generator:
    """The generator for one purpose, e.g. `stream(secret, "mlp_classifier", "test", "0")`.

    Raises:
        ValueError: `secret` is keys, and none of them is for this purpose.
    """
    return np.random.default_rng(int.from_bytes(key(secret, *purpose), "big"))


def key(secret: SecretOrKeys, *purpose: str) -> bytes:
    """The 32 bytes that draw the stream of one purpose, and no other."""
    name = "/".join(purpose)
    return secret[name] if isinstance(secret, Keys) else _hmac(secret, name)


def test_purpose(assignment_id: str, test: str) -> Purpose:
    """The purpose of the stream that draws a hidden test's inputs."""
    return (assignment_id, "test", test)


def fingerprint(secret: bytes) -> str:
    """16 hex digits that distinguish secrets and may be recorded: nobody can compute the secret from them."""
    return _hmac(secret, "fingerprint").hex()[:16]


def _hmac(secret: bytes, message: str) -> bytes:
    if not secret or not message:
        raise ValueError("a stream needs a secret and a purpose: without one it would be the same for all")
    return hmac.digest(secret, message.encode(), hashlib.sha256)
