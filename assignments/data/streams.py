"""Random streams that only a secret can reproduce. What is drawn from them is decided elsewhere.

Every stream is `default_rng` of HMAC-SHA256(secret, purpose): one secret gives as many independent streams
as there are purposes, in any order, and none of them tells anything about another or about the secret.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

PUBLISHED = b"medmark: known to every student!"
"""The secret of students' own runs and of whatever a course publishes: 32 bytes that hide nothing."""


def stream(secret: bytes, *purpose: str) -> np.random.Generator:
    """The generator for one purpose, e.g. `stream(secret, "mlp_classifier", "test", "0")`."""
    return np.random.default_rng(int.from_bytes(_hmac(secret, "/".join(purpose)), "big"))


def fingerprint(secret: bytes) -> str:
    """16 hex digits that tell two secrets apart and may be recorded: the secret cannot be found from them."""
    return _hmac(secret, "fingerprint").hex()[:16]


def _hmac(secret: bytes, message: str) -> bytes:
    if not secret or not message:
        raise ValueError("a stream needs a secret and a purpose: an empty one would be the same for all")
    return hmac.digest(secret, message.encode(), hashlib.sha256)
