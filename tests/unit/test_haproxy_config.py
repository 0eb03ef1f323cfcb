"""The configuration of HAProxy as text."""

from __future__ import annotations

import re

import pytest

from plantroom.platforms.contract import LONGEST_DRAIN_S
from plantroom.platforms.local.haproxy_config import Frame, Wanted, configuration


@pytest.mark.parametrize("limit", ["hard-stop-after", "timeout client", "timeout server"])
def test_nothing_ends_a_request_before_the_longest_drain_is_over(limit: str) -> None:
    text = configuration(Wanted(), Frame(8080, 8443, 100, None, "secret"))
    (seconds,) = re.findall(rf"^  {limit} (\d+)s$", text, re.MULTILINE)
    assert int(seconds) >= LONGEST_DRAIN_S
