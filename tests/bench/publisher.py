"""The two reference publishers, a process of its own: `python -m bench.publisher raw|clock`.

`raw` feeds captured pictures to `rtc.VideoSource` and libwebrtc encodes them; `clock` feeds
libx264's access units to `rtc.EncodedVideoSource`. Both capture by a fixed clock (x11grab's own).
LIVEKIT_URL, LIVEKIT_TOKEN and DISPLAY come from the environment.
"""

import argparse
import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from livekit import rtc

TRACK = "screen"


def pictures(size: str, fps: int) -> Iterator[VideoFrame]:
    """Yield the screen by x11grab's clock."""
    options = {
        "framerate": str(fps),
        "video_size": size,
        "draw_mouse": "0",
        "probesize": "32",
        "analyzeduration": "0",
    }
    with av.open(os.environ["DISPLAY"], format="x11grab", options=options) as grabber:
        yield from grabber.decode(video=0)


def publish_options(fps: int, bitrate_bps: int, *, encoded: bool) -> rtc.TrackPublishOptions:
    """Return the same offer for both: one H.264 layer of a shared screen."""
    return rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_SCREENSHARE,
        simulcast=False,
        video_codec=rtc.VideoCodec.H264,
        video_encoding=rtc.VideoEncoding(max_bitrate=bitrate_bps, max_framerate=fps),
        video_encoder=(
            rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED
            if encoded
            else rtc.VideoEncoderBackend.ENCODER_BACKEND_SOFTWARE
        ),
    )


def raw_source(width: int, height: int) -> tuple[rtc.VideoSource, Callable[[VideoFrame], None]]:
    """Return libwebrtc's own encoder and what feeds it."""
    source = rtc.VideoSource(width, height, is_screencast=True)

    def feed(picture: VideoFrame) -> None:
        data = bytes(picture.planes[0])
        frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.BGRA, data)
        source.capture_frame(frame, timestamp_us=time.time_ns() // 1000)

    return source, feed


def encoded_source(
    width: int, height: int, fps: int, bitrate_bps: int
) -> tuple[rtc.EncodedVideoSource, Callable[[VideoFrame], None]]:
    """Return the pass-through source and libx264 in front of it."""
    source = rtc.EncodedVideoSource(width, height)
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = Fraction(fps)
    encoder.bit_rate = bitrate_bps
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // fps * 6),
        "x264-params": "repeat-headers=1:annexb=1:keyint=infinite:scenecut=0"
        ":colormatrix=bt709:colorprim=bt709:transfer=bt709:range=tv",
    }
    convert = VideoReformatter()

    def feed(picture: VideoFrame) -> None:
        yuv = convert.reformat(
            picture, format="yuv420p", interpolation="POINT", dst_colorspace=Colorspace.ITU709
        )
        wanted = source.take_feedback().keyframe_requested
        yuv.pict_type = PictureType.I if wanted else PictureType.NONE
        for packet in encoder.encode(yuv):
            source.capture_frame(
                rtc.EncodedVideoFrame(
                    data=bytes(packet),
                    width=width,
                    height=height,
                    codec=rtc.VideoCodec.H264,
                    frame_type=(
                        rtc.EncodedFrameType.ENCODED_FRAME_KEY
                        if packet.is_keyframe
                        else rtc.EncodedFrameType.ENCODED_FRAME_DELTA
                    ),
                    timestamp_us=time.time_ns() // 1000,
                )
            )

    return source, feed


async def run(kind: str, size: str, fps: int, bitrate_bps: int) -> None:
    """Publish until SIGTERM."""
    width, height = (int(side) for side in size.split("x"))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    room = rtc.Room()
    await room.connect(
        os.environ["LIVEKIT_URL"],
        os.environ["LIVEKIT_TOKEN"],
        rtc.RoomOptions(auto_subscribe=False),
    )
    source: rtc.VideoSource | rtc.EncodedVideoSource
    if kind == "raw":
        source, feed = raw_source(width, height)
    else:
        source, feed = encoded_source(width, height, fps, bitrate_bps)
    track = rtc.LocalVideoTrack.create_video_track(TRACK, source)
    options = publish_options(fps, bitrate_bps, encoded=kind != "raw")
    await room.local_participant.publish_track(track, options)
    ended = threading.Event()

    def capture() -> None:
        try:
            for picture in pictures(size, fps):
                if ended.is_set():
                    break
                feed(picture)
        finally:
            loop.call_soon_threadsafe(stopping.set)

    thread = threading.Thread(target=capture, name="capture", daemon=True)
    thread.start()
    await stopping.wait()
    failed = not thread.is_alive()
    ended.set()
    await asyncio.to_thread(thread.join, 2)
    await asyncio.wait_for(room.disconnect(), 5)
    if failed:
        raise SystemExit("the capture ended by itself")


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["raw", "clock"])
    parser.add_argument("--size", required=True)
    parser.add_argument("--fps", type=int, required=True)
    parser.add_argument("--bitrate", type=int, required=True)
    args = parser.parse_args()
    asyncio.run(run(args.kind, args.size, args.fps, args.bitrate))


if __name__ == "__main__":
    main()
