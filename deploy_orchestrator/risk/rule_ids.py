"""Ids of rules that are asked for by name elsewhere, where all the rules are not needed."""

from typing import Final

CHECK_EXCEPTED: Final = "check-excepted"
CHECK_FAILED: Final = "check-failed"
REACHES_OTHERS: Final = "reaches-others"
SHARED_FROM_THE_FIRST: Final = "first-release-shared"
TAKEOVER: Final = "takeover"
TAKEOVER_PROVED: Final = "takeover-proved"
