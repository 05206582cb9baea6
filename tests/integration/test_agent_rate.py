"""The network's bitrate falls and rises again: the encoder follows, the picture never stops."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.livekit import REPOSITORY
from support.xserver import XServer

pytestmark = pytest.mark.integration


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace of this test's own: a loopback of ordinary MTU, and an interface that
    WebRTC will use (it passes over loopbacks); what goes between its own addresses goes by `lo`."""
    name = f"sc-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            "link set lo mtu 1500",
            "link set lo up",
            "link add inside type veth peer name nowhere",
            "address add 10.231.77.1/24 dev inside",
            "link set inside up",
            "link set nowhere up",
        ):
            subprocess.run(["ip", "-n", name, *command.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_the_encoder_follows_a_link_that_gets_narrow_and_wide_again(
    namespace: str, x: XServer, tmp_path: Path
) -> None:
    result = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-m", "support.rate_story",
         str(tmp_path), x.display, str(x.xauthority)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "tests")},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-4000:]
    story = json.loads(result.stdout.splitlines()[-1])
    wide, narrow, again = story["wide"], story["narrow"], story["wide_again"]
    assert wide["sent_bps"] > 3e6, story
    assert narrow["sent_bps"] < 2e6, story  # 3 Mb/s carry the stream twice
    assert narrow["fps"] > 3, story
    assert narrow["longest_gap_s"] < 4, story
    assert again["sent_bps"] > 2 * narrow["sent_bps"], story
