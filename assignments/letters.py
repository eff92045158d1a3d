"""Letters that nobody sees, for every place where a text is shown or read."""

from __future__ import annotations

import re
from typing import Final

NARROW: Final = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200c\u200d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters without width, and blank ones: pages keep them, since names in Persian and Indic scripts need joiners."""
