"""Whose microphone the agent subscribes to: the speaker's, and nobody else's. On the main loop."""

from __future__ import annotations

import logging
from collections.abc import Callable

from livekit import rtc

log = logging.getLogger(__name__)


class VoiceSwitch:
    """Follows the room's publications; tells which track is to be heard, None for silence."""

    def __init__(self, changed: Callable[[rtc.RemoteTrack | None], None]) -> None:
        self._changed = changed
        self._room: rtc.Room | None = None
        self._speaker = ""
        self.track: rtc.RemoteTrack | None = None

    def joined(self, room: rtc.Room) -> None:
        """Another room; whatever was subscribed to is gone."""
        self._room = room
        room.on("track_published", lambda *_: self._settle(room))
        room.on("track_subscribed", lambda *_: self._settle(room))
        room.on("track_unsubscribed", lambda track, *_: self._lost(room, track))
        room.on("track_unpublished", lambda *_: self._settle(room))
        self._settle(room)

    def left(self) -> None:
        """No room."""
        self._room = None
        self._tell(None)

    def set_speaker(self, identity: str) -> None:
        """Hear this one from now on."""
        if identity != self._speaker:
            self._speaker = identity
            if self._room is not None:
                self._settle(self._room)

    def _settle(self, room: rtc.Room) -> None:
        if room is not self._room:
            return
        heard = None
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.source != rtc.TrackSource.SOURCE_MICROPHONE:
                    continue
                wanted = participant.identity == self._speaker
                if publication.subscribed != wanted:
                    publication.set_subscribed(wanted)
                if wanted and publication.track is not None:
                    heard = publication.track
        self._tell(heard)

    def _lost(self, room: rtc.Room, track: rtc.RemoteTrack) -> None:
        if track is self.track:
            self._tell(None)
        self._settle(room)

    def _tell(self, track: rtc.RemoteTrack | None) -> None:
        if track is not self.track:
            self.track = track
            self._changed(track)
