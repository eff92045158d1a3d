"""Streams of a secret: reproducible for whoever has it, unrelated for everyone else."""

import hashlib
import hmac
import pickle

import numpy as np
import pytest

from assignments.data.streams import PUBLISHED, Keys, fingerprint, key, stream

SECRET = bytes(range(32))


def test_a_stream_is_default_rng_of_the_hmac_of_its_purpose():
    digest = hmac.new(SECRET, b"mlp_classifier/test/0", hashlib.sha256).digest()
    expected = np.random.default_rng(int.from_bytes(digest, "big")).random(5)
    assert stream(SECRET, "mlp_classifier", "test", "0").random(5).tolist() == expected.tolist()


def test_a_stream_stays_the_same_across_versions():
    # From the first release on: another value here would change every course's hidden cases.
    drawn = stream(SECRET, "mlp_classifier", "test", "0").integers(1_000_000, size=3)
    assert drawn.tolist() == [324943, 357949, 505789]


def test_another_purpose_or_another_secret_is_another_stream():
    draws = {
        stream(secret, *purpose).random()
        for secret in (SECRET, PUBLISHED)
        for purpose in (("a", "train", "0"), ("a", "test", "0"), ("a", "test", "1"), ("b", "test", "0"))
    }
    assert len(draws) == 8


def test_a_fingerprint_is_16_hex_digits_of_an_hmac_and_not_a_stream():
    assert fingerprint(SECRET) == hmac.new(SECRET, b"fingerprint", hashlib.sha256).hexdigest()[:16]
    assert fingerprint(SECRET) != fingerprint(PUBLISHED)


def test_the_published_secret_is_as_long_as_a_real_one():
    assert len(PUBLISHED) == 32


@pytest.mark.parametrize(("secret", "purpose"), [(b"", ("a",)), (SECRET, ()), (SECRET, ("",))])
def test_an_empty_secret_or_purpose_is_refused(secret, purpose):
    with pytest.raises(ValueError, match="a stream needs a secret and a purpose"):
        stream(secret, *purpose)


FIRST, OTHER = ("a", "test", "0"), ("a", "test", "1")


def test_a_key_draws_its_own_stream_bit_for_bit():
    drawn = stream(Keys.of(SECRET, [FIRST, OTHER]), *OTHER).bytes(64)
    assert drawn == stream(SECRET, *OTHER).bytes(64)


def test_keys_of_keys_are_the_same_and_fewer():
    fewer = Keys.of(Keys.of(SECRET, [FIRST, OTHER]), [FIRST])
    assert stream(fewer, *FIRST).bytes(64) == stream(SECRET, *FIRST).bytes(64)
    with pytest.raises(ValueError, match="the key of the stream 'a/test/1' was not handed over"):
        stream(fewer, *OTHER)


def test_keys_hold_neither_the_secret_nor_another_streams_key_and_print_nothing():
    keys = Keys.of(SECRET, [FIRST])
    pickled = pickle.dumps(keys)
    assert key(SECRET, *FIRST) in pickled
    assert SECRET not in pickled
    assert key(SECRET, *OTHER) not in pickled
    assert repr(keys) == "Keys()"
