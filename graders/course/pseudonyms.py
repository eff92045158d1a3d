"""Pseudonyms for groups. Nobody without the course's secret can work out a pseudonym's group."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from itertools import count
from typing import Final

_COLOURS: Final = (
    "Amber Ash Azure Bronze Cedar Chalk Cobalt Copper Coral Crimson Ebony Fern Flint Ginger Golden Hazel "
    "Indigo Ivory Jade Lilac Lime Maple Marble Mint Olive Opal Pearl Pewter Plum Rose Ruby Russet "
    "Saffron Sage Scarlet Sepia Silver Slate Teal Topaz Umber Violet Walnut Willow"
)
_BIRDS: Final = (
    "Avocet Bittern Bunting Chough Condor Coot Crane Crake Curlew Dipper Dove Dunlin Eider Falcon Finch "
    "Gannet Godwit Goshawk Grebe Gull Harrier Heron Hobby Ibis Jackdaw Kestrel Kite Knot Lapwing Lark "
    "Linnet Magpie Martin Merlin Nuthatch Oriole Osprey Owl Petrel Pipit Plover Puffin Quail Raven Redstart "
    "Robin Rook Ruff Shrike Siskin Skua Snipe Starling Stork Swallow Swan Swift Tern Thrush Wagtail "
    "Warbler Wigeon Wren Wryneck"
)


def pseudonyms(groups: Iterable[str], secret: bytes, assignment: str) -> dict[str, str]:
    """A name for each group, all different; each assignment has other names, so that none sticks."""
    colours, birds = _COLOURS.split(), _BIRDS.split()
    names: dict[str, str] = {}
    used: set[str] = set()
    for group in sorted(set(groups)):
        for attempt in count():
            words = "\0".join(("pseudonym", assignment, group, str(attempt))).encode("utf-8", "surrogatepass")
            draw = int.from_bytes(hmac.new(secret, words, hashlib.sha256).digest()[:8], "big")
            colour, bird = colours[draw % len(colours)], birds[draw // len(colours) % len(birds)]
            name = f"{colour} {bird}" if attempt < 100 else f"{colour} {bird} {attempt}"
            if name not in used:
                break
        used.add(name)
        names[group] = name
    return names
