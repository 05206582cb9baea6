"""Whether the `screen` track was negotiated as what we send.

The SDK adds a track and sets its codec preference in two steps; an offer that it makes between them
names VP8 first. The SFU then takes our H.264 for VP8, no viewer ever sees a picture, and nothing
fails. So WebRTC itself is asked what it agreed upon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from livekit import rtc
from livekit.rtc._proto import stats_pb2

WANTED = "video/h264"
LOOK_EVERY_S = 0.25
LOOKS = 40  # a negotiation takes two round trips; without an answer in 10 s the link is lost anyway


def mime_type(stats: Iterable[stats_pb2.RtcStats]) -> str | None:
    """The codec of what is sent, in lower case; None while WebRTC does not say."""
    entries = list(stats)
    sending = {one.outbound_rtp.stream.codec_id for one in entries if one.HasField("outbound_rtp")}
    for one in entries:
        if one.HasField("codec") and one.codec.rtc.id in sending:
            return one.codec.codec.mime_type.lower()
    return None


async def wrong_codec(track: rtc.LocalVideoTrack) -> str | None:
    """Wait for the negotiation; the MIME type agreed upon unless it is H.264 or stays unknown."""
    for _ in range(LOOKS):
        agreed = mime_type(await track.get_stats())
        if agreed is not None:
            return None if agreed == WANTED else agreed
        await asyncio.sleep(LOOK_EVERY_S)
    return None
