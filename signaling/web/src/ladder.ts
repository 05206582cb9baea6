/**
 * The ways a picture can come, from the best to the last resort, and what became of each in this try.
 *
 * ICE tries UDP, TCP and the relay at the same time and takes the best that answers, which is quicker
 * than one after the other. So the ladder does not order the tries: it says, from what the browser
 * counts on each way, which one is being waited for and why the better ones gave nothing.
 */

export type Leg = 'udp' | 'tcp' | 'turn' | 'vnc';
export type MediaLeg = Exclude<Leg, 'vnc'>;
export const MEDIA_LEGS: readonly MediaLeg[] = ['udp', 'tcp', 'turn'];
const LEGS: readonly Leg[] = [...MEDIA_LEGS, 'vnc'];

export type LegState = 'waiting' | 'trying' | 'failed' | 'absent' | 'open';

/** What the browser has counted on one way. */
export interface Sighting {
  /** There is something to try: candidates of both sides. */
  there: boolean;
  asked: number;
  answered: number;
  open: boolean;
  /** The relay itself refused or could not be reached: its own words. */
  trouble?: string;
}

export type Sightings = Record<MediaLeg, Sighting>;

export interface Rung {
  state: LegState;
  /** A sentence, once there is a reason. */
  why: string | null;
}

export interface Ladder {
  phase: 'idle' | 'climbing' | 'open' | 'fallen';
  /** When there was something to ask: before that, silence means nothing. */
  asking_ms: number | null;
  legs: Record<Leg, Rung>;
}

export type LadderEvent =
  | { type: 'begin' }
  | { type: 'sighted'; sightings: Sightings; now_ms: number }
  /** Media flow; null where the way is not known. */
  | { type: 'opened'; leg: MediaLeg | null }
  /** `signal`: not even the media server's own connection came to be, so nothing was tried over it. */
  | { type: 'gave-up'; signal: boolean; why: string; sightings?: Sightings | null }
  /** This browser cannot show what WebRTC would bring. */
  | { type: 'unplayable' }
  | { type: 'vnc'; state: 'trying' | 'open' | 'failed' | 'waiting'; why?: string };

const WAITING: Rung = { state: 'waiting', why: null };
const TRYING: Rung = { state: 'trying', why: null };

export const noLadder: Ladder = { phase: 'idle', asking_ms: null, legs: { udp: WAITING, tcp: WAITING, turn: WAITING, vnc: WAITING } };

/** After this long without one answer, a way is called blocked. ICE itself goes on asking. */
export const PATIENCE_MS: Record<MediaLeg, number> = { udp: 1_000, tcp: 2_200, turn: 4_000 };

const NO_ANSWER: Record<MediaLeg, string> = {
  udp: 'No answer over UDP: a firewall on the way swallows it.',
  tcp: 'No answer over TCP: the media server’s TCP port is closed on the way.',
  turn: 'The TURN relay was reached, but nothing comes through it.',
};
const ABSENT: Record<MediaLeg, string> = {
  udp: 'There is nothing to try over UDP: the media server or this network offers none.',
  tcp: 'There is nothing to try over TCP: the media server offers none.',
  turn: 'No TURN relay answers, or none is set up.',
};

export function reduceLadder(ladder: Ladder, event: LadderEvent): Ladder {
  switch (event.type) {
    case 'begin':
      // The fallback goes on showing while WebRTC is tried again.
      return { phase: 'climbing', asking_ms: null, legs: { udp: TRYING, tcp: WAITING, turn: WAITING, vnc: ladder.legs.vnc } };
    case 'sighted':
      return ladder.phase === 'climbing' ? climbed(ladder, event.sightings, event.now_ms) : ladder;
    case 'opened':
      return opened(ladder, event.leg);
    case 'gave-up': {
      const legs = { ...ladder.legs };
      for (const leg of MEDIA_LEGS) {
        const { state, why } = legs[leg];
        if (event.signal) legs[leg] = { state: 'failed', why: event.why };
        else if (event.sightings) legs[leg] = givenUp(leg, event.sightings[leg]);
        else if (state !== 'absent') legs[leg] = { state: 'failed', why: why ?? NO_ANSWER[leg] };
      }
      return { ...ladder, phase: 'fallen', legs };
    }
    case 'unplayable': {
      const absent: Rung = { state: 'absent', why: 'This browser cannot play H.264 video over WebRTC.' };
      return { ...ladder, phase: 'fallen', legs: { udp: absent, tcp: absent, turn: absent, vnc: ladder.legs.vnc } };
    }
    case 'vnc':
      return { ...ladder, legs: { ...ladder.legs, vnc: { state: event.state, why: event.why ?? null } } };
  }
}

function climbed(ladder: Ladder, sightings: Sightings, now_ms: number): Ladder {
  const asking_ms = ladder.asking_ms ?? (MEDIA_LEGS.some((leg) => sightings[leg].there) ? now_ms : null);
  if (asking_ms === null) return ladder;
  const waited_ms = now_ms - asking_ms;
  const legs = { ...ladder.legs };
  let waitingFor: MediaLeg | null = null;
  for (const leg of MEDIA_LEGS) {
    const seen = sightings[leg];
    if (waitingFor) legs[leg] = WAITING;
    else if (seen.answered === 0 && waited_ms >= PATIENCE_MS[leg]) legs[leg] = givenUp(leg, seen);
    else {
      waitingFor = leg;
      legs[leg] = TRYING;
    }
  }
  return same(ladder.legs, legs) && asking_ms === ladder.asking_ms ? ladder : { ...ladder, asking_ms, legs };
}

function givenUp(leg: MediaLeg, seen: Sighting): Rung {
  if (seen.trouble) return { state: 'failed', why: seen.trouble };
  if (seen.there) return { state: 'failed', why: NO_ANSWER[leg] };
  // Every media server has the first two; a relay must have been set up.
  return { state: leg === 'turn' ? 'absent' : 'failed', why: ABSENT[leg] };
}

function opened(ladder: Ladder, leg: MediaLeg | null): Ladder {
  const legs = { ...ladder.legs };
  if (leg) {
    const at = MEDIA_LEGS.indexOf(leg);
    MEDIA_LEGS.forEach((other, index) => {
      if (index === at) legs[other] = { state: 'open', why: null };
      else if (index > at) legs[other] = WAITING;
      // ICE takes the best that answers: a better way that was not taken gave no answer.
      else if (legs[other].state !== 'absent') legs[other] = { state: 'failed', why: legs[other].why ?? NO_ANSWER[other] };
    });
  }
  return ladder.phase === 'open' && same(ladder.legs, legs) ? ladder : { ...ladder, phase: 'open', legs };
}

const same = (a: Ladder['legs'], b: Ladder['legs']): boolean => LEGS.every((leg) => a[leg].state === b[leg].state && a[leg].why === b[leg].why);

/** The way that is being waited for, or that is open. */
export function currentLeg(ladder: Ladder): Leg | null {
  return LEGS.find((leg) => ['trying', 'open'].includes(ladder.legs[leg].state)) ?? null;
}

/** WebRTC has failed and the fallback may help. */
export const wantsFallback = (ladder: Ladder): boolean => ladder.phase === 'fallen';

const NAMES: Record<Leg, string> = { udp: 'UDP', tcp: 'TCP', turn: 'the TURN relay', vnc: 'the VNC fallback' };

/** “UDP and TCP”; empty when nothing is blocked. An absent relay is no news to anybody. */
function blocked(ladder: Ladder): string {
  return MEDIA_LEGS.filter((leg) => ladder.legs[leg].state === 'failed').map((leg) => NAMES[leg]).join(' and ');
}

/** What people read while a connection is being made; null when the ladder has nothing to say. */
export function climbingWords(ladder: Ladder): string | null {
  if (ladder.phase !== 'climbing') return null;
  const leg = currentLeg(ladder);
  if (leg === null || leg === 'vnc') return 'WebRTC is blocked on this network…';
  const behind = blocked(ladder);
  if (!behind) return `Connecting over ${NAMES[leg]}…`;
  return `${behind} ${behind.includes(' and ') ? 'are' : 'is'} blocked here, trying ${NAMES[leg]}…`;
}

/** The path for the statistics: “TCP (UDP is blocked)”. */
export function pathWords(path: string, ladder: Ladder): string {
  const behind = blocked(ladder);
  return behind ? `${path} (${behind} blocked)` : path;
}

/** One line for each way, for the tool tip of the path and for a log. */
export function ladderLines(ladder: Ladder): string[] {
  const words: Record<LegState, string> = { waiting: 'not needed', trying: 'trying', failed: 'blocked', absent: 'not there', open: 'in use' };
  return LEGS.map((leg) => {
    const { state, why } = ladder.legs[leg];
    const name = NAMES[leg].replace(/^the /, '');
    return `${name}: ${words[state]}${why ? `. ${why}` : ''}`;
  });
}
