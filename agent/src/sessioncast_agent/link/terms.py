"""What LiveKit's library cannot be asked for, written into its signalling: stereo.

Of a track with two channels the library (1.2.1) never says so, whereupon the SFU takes `stereo=1`
out of its answer and both ears hear a mixture. So it is said for it, where it adds the track.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc


def asked(message: bytes) -> bytes:
    """Return this request of the library's, with `stereo` where it adds a screen's sound."""
    try:
        request = rtc.SignalRequest.FromString(message)
    except DecodeError:
        return message
    track = request.add_track
    if request.WhichOneof("message") != "add_track" or track.source != models.SCREEN_SHARE_AUDIO:
        return message
    track.stereo = True
    if models.TF_STEREO not in track.audio_features:
        track.audio_features.append(models.TF_STEREO)
    return request.SerializeToString()
