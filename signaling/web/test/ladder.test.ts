import { describe, expect, it } from 'vitest';
import { openLeg, relayWords, sightings } from '../src/candidates';
import { PATIENCE_MS, climbingWords, currentLeg, ladderLines, noLadder, pathWords, reduceLadder, wantsFallback, type Ladder, type LadderEvent, type Sighting, type Sightings } from '../src/ladder';

const silent: Sighting = { there: true, asked: 5, answered: 0, open: false };
const absent: Sighting = { there: false, asked: 0, answered: 0, open: false };
const seen = (ways: Partial<Sightings> = {}): Sightings => ({ udp: silent, tcp: silent, turn: absent, ...ways });
const run = (events: LadderEvent[], from: Ladder = noLadder): Ladder => events.reduce(reduceLadder, from);
const asked = (now_ms: number): LadderEvent => ({ type: 'sighted', sightings: seen(), now_ms });
const begin: LadderEvent = { type: 'begin' };
const at = (ms: number, ways?: Partial<Sightings>): LadderEvent => ({ type: 'sighted', sightings: seen(ways), now_ms: 1_000 + ms });

describe('the ladder', () => {
  it('says which way is being waited for, and which were blocked before it', () => {
    expect(climbingWords(run([begin]))).toBe('Connecting over UDP…');
    expect(climbingWords(run([begin, asked(1_000), at(PATIENCE_MS.udp - 1)]))).toBe('Connecting over UDP…');
    expect(climbingWords(run([begin, asked(1_000), at(PATIENCE_MS.udp)]))).toBe('UDP is blocked here, trying TCP…');
    expect(climbingWords(run([begin, asked(1_000), at(PATIENCE_MS.tcp, { turn: silent })]))).toBe('UDP and TCP are blocked here, trying the TURN relay…');
    expect(climbingWords(run([begin, asked(1_000), at(PATIENCE_MS.turn)]))).toBe('WebRTC is blocked on this network…');
  });

  it('counts from the first question, not from a slow beginning', () => {
    const none = { type: 'sighted', sightings: { udp: absent, tcp: absent, turn: absent }, now_ms: 1_000 } as const;
    const late = run([begin, none, asked(9_000)]);
    expect(climbingWords(late)).toBe('Connecting over UDP…');
    expect(climbingWords(run([asked(9_000 + PATIENCE_MS.udp)], late))).toBe('UDP is blocked here, trying TCP…');
  });

  it('does not call blocked what answers', () => {
    const slow = run([begin, asked(1_000), at(9_000, { udp: { ...silent, answered: 1 } })]);
    expect(climbingWords(slow)).toBe('Connecting over UDP…');
    expect(slow.legs.tcp.state).toBe('waiting');
  });

  it('falls when nothing opened, with a reason for each way', () => {
    const fallen = run([begin, asked(1_000), at(PATIENCE_MS.udp), { type: 'gave-up', signal: false, why: 'No media come through.' }]);
    expect(wantsFallback(fallen)).toBe(true);
    expect(ladderLines(fallen).join('\n')).toContain('UDP: blocked. No answer over UDP');
    expect(run([{ type: 'vnc', state: 'trying' }], fallen).legs.vnc.state).toBe('trying');
  });

  it('falls with what was last seen, also when the relay had no time to be waited for', () => {
    const refused = { ...absent, trouble: 'The TURN relay refused our credentials (401).' };
    const fallen = run([begin, asked(1_000), { type: 'gave-up', signal: false, why: '', sightings: seen({ turn: refused }) }]);
    expect(fallen.legs.turn).toEqual({ state: 'failed', why: refused.trouble });
    expect(run([begin, asked(1_000), { type: 'gave-up', signal: false, why: '', sightings: seen() }]).legs.turn.state).toBe('absent');
  });

  it('says of all ways that the media server was not reached, when it was not', () => {
    const fallen = run([begin, { type: 'gave-up', signal: true, why: 'The media server cannot be reached.' }]);
    expect(Object.values(fallen.legs).slice(0, 3).map((leg) => leg.why)).toEqual(Array(3).fill('The media server cannot be reached.'));
  });

  it('names the path, and the better ones that gave nothing', () => {
    const tcp = run([begin, { type: 'opened', leg: 'tcp' }]);
    expect(pathWords('TCP', tcp)).toBe('TCP (UDP blocked)');
    expect(currentLeg(tcp)).toBe('tcp');
    expect(wantsFallback(tcp)).toBe(false);
    expect(pathWords('TURN over TLS', run([{ type: 'opened', leg: 'turn' }], tcp))).toBe('TURN over TLS (UDP and TCP blocked)');
    // ICE moved up: nothing is blocked after all
    expect(pathWords('UDP', run([{ type: 'opened', leg: 'udp' }], tcp))).toBe('UDP');
  });

  it('keeps the fallback while WebRTC is tried again, and forgets the rest', () => {
    const showing = run([begin, asked(1_000), at(PATIENCE_MS.turn), { type: 'gave-up', signal: false, why: '' }, { type: 'vnc', state: 'open' }]);
    const again = run([begin], showing);
    expect(again.legs.vnc.state).toBe('open');
    expect(again.legs.udp).toEqual({ state: 'trying', why: null });
    expect(wantsFallback(again)).toBe(false);
  });

  it('knows a browser that cannot play what WebRTC brings', () => {
    const unable = run([{ type: 'unplayable' }]);
    expect(wantsFallback(unable)).toBe(true);
    expect(pathWords('VNC fallback', unable)).toBe('VNC fallback');
  });

  it('takes late reports of an ended try without harm, and changes nothing when there is no news', () => {
    const open = run([begin, { type: 'opened', leg: 'udp' }]);
    expect(reduceLadder(open, at(9_000))).toBe(open);
    expect(reduceLadder(open, { type: 'opened', leg: 'udp' })).toBe(open);
    const climbing = run([begin, asked(1_000), at(10)]);
    expect(reduceLadder(climbing, at(20))).toBe(climbing);
  });
});

describe('the browser’s counters', () => {
  const pair = (id: string, local: string, extra: object = {}): [string, unknown] => [id, { id, type: 'candidate-pair', localCandidateId: local, requestsSent: 3, responsesReceived: 0, state: 'in-progress', ...extra }];
  const local = (id: string, protocol: string, candidateType: string, extra: object = {}): [string, unknown] => [id, { id, type: 'local-candidate', protocol, candidateType, ...extra }];

  it('are counted by way', () => {
    const report = [local('u', 'udp', 'host'), local('t', 'tcp', 'host'), pair('1', 'u'), pair('2', 't', { responsesReceived: 2, state: 'succeeded', nominated: true })];
    const counted = sightings([report]);
    expect(counted.udp).toEqual({ there: true, asked: 3, answered: 0, open: false });
    expect(counted.tcp.open).toBe(true);
    expect(openLeg(counted)).toBe('tcp');
    expect(counted.turn.there).toBe(false);
  });

  it('know a relay also by its protocol, when its outer address made it peer-reflexive', () => {
    const counted = sightings([[local('r', 'udp', 'prflx', { relayProtocol: 'tls' }), pair('1', 'r', { state: 'succeeded', nominated: true })]]);
    expect(openLeg(counted)).toBe('turn');
  });

  it('carry the relay’s own trouble only while there is no relay', () => {
    expect(sightings([[]], 'refused').turn.trouble).toBe('refused');
    expect(sightings([[local('r', 'udp', 'relay')]], 'refused').turn).toEqual({ there: true, asked: 0, answered: 0, open: false });
  });

  it('put a relay’s error into words, and leave a silent STUN server out', () => {
    const error = (url: string, errorCode: number, errorText = '') => relayWords({ url, errorCode, errorText });
    expect(error('turns:turn.example:443?transport=tcp', 401)).toBe('The TURN relay turn.example:443 refused our credentials (401).');
    expect(error('turn:turn.example:3478?transport=udp', 701)).toBe('The TURN relay turn.example:3478 cannot be reached.');
    expect(error('turn:turn.example:3478', 486, 'Allocation Quota Reached')).toContain('Allocation Quota Reached');
    expect(error('stun:stun.example:3478', 701)).toBeNull();
  });
});
