"""What the API shows of sessions and people."""

from .clock import at
from .models import Control, ParticipantView, SessionView
from .models_people import BanView
from .removals import KeptOut
from .roles import Actor, Role
from .sessions import SessionStatus
from .sfu import Participant


def view(status: SessionStatus) -> SessionView:
    """Return a session as the API shows it."""
    record = status.record
    return SessionView(
        session=record.session,
        room=record.session,
        kind=record.kind,
        state=status.state,
        detail=status.detail,
        labels=dict(record.labels),
        created_at=at(record.created_at),
        ends_at=None if record.ends_at is None else at(record.ends_at),
        ended_at=None if record.ended_at is None else at(record.ended_at),
        size_px=status.size_px,
        watching=status.watching,
        control=None if status.control is None else Control(**status.control),
        recording=status.recording,
    )


def participant_view(participant: Participant) -> ParticipantView:
    """Return one who watches as the API shows it."""
    # these attributes come from the token that was signed here; no viewer may change its own
    attributes = participant.attributes
    return ParticipantView(
        identity=participant.identity,
        name=participant.name,
        role=Role(attributes.get("role", Role.OBSERVER)),
        actor=Actor(attributes.get("actor", Actor.PERSON)),
        joined_at=at(participant.joined_at),
    )


def ban_view(one: KeptOut) -> BanView:
    """Return one who is kept out as the API shows it."""
    return BanView(
        ban=one.id, name=one.name, identities=list(one.identities), until=at(one.ban.until)
    )
