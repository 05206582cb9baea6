/**
 * One connection to one LiveKit room. The only module that knows livekit-client.
 * It subscribes to and believes nobody but `agent-{session}`.
 */

import {
  ConnectionError, ConnectionErrorReason, DisconnectReason, Room, RoomEvent, RpcError, Track, setLogLevel,
  type ByteStreamReader, type RemoteParticipant, type RemoteTrackPublication, type RemoteVideoTrack,
} from 'livekit-client';
import { relayWords, type CandidateError } from './candidates';

// What people must know is said on the page; the console is for errors.
setLogLevel('error');

export interface ScreenTrack {
  media: MediaStreamTrack;
  stats(): Promise<RTCStatsReport | undefined>;
  /** Capture time of the frame with this RTP timestamp, in µs of the shim's clock; null if unknown. */
  captured_us(rtpTimestamp: number): number | null;
  /** Its number, counted by the agent; null if unknown. */
  frameId(rtpTimestamp: number): number | null;
}

export interface SoundTrack {
  media: MediaStreamTrack;
  stats(): Promise<RTCStatsReport | undefined>;
}

/** What the agent says of a byte stream that it sent. */
export interface StreamInfo {
  topic: string;
  mime: string;
  attributes: Readonly<Record<string, string>>;
}

/** A request to the agent that was refused or not answered; the message is for people. */
export class CallError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
    this.name = 'CallError';
  }
}

/** No connection came to be. `signal`: not even the media server itself was reached. */
export class ConnectFailure extends Error {
  constructor(readonly signal: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectFailure';
  }
}

export interface Person {
  identity: string;
  name: string;
  self: boolean;
  attributes: Readonly<Record<string, string>>;
}

export interface RoomEnd {
  cause: 'removed' | 'deleted' | 'lost';
  /** A sentence. */
  why: string;
}

export interface RoomHandlers {
  agent(present: boolean, attributes: Readonly<Record<string, string>>, sid: string): void;
  screen(track: ScreenTrack | null): void;
  /** One of the agent's sound tracks; null when it is gone. */
  sound(name: string, track: SoundTrack | null): void;
  caption(text: string, attributes: Readonly<Record<string, string>>): void;
  data(topic: string, payload: Uint8Array): void;
  /** A whole byte stream of the agent's. */
  bytes(info: StreamInfo, bytes: Uint8Array<ArrayBuffer>): void;
  people(people: Person[]): void;
  recovering(): void;
  recovered(): void;
  /** Comes once, and not after close(). */
  closed(end: RoomEnd): void;
}

/** The SDK may try to resume this often; then our own loop takes over with a fresh offer. */
const RESUME_DELAYS_MS = [100, 800];
/** Byte streams that the agent may send. */
const STREAM_TOPICS = ['clipboard', 'screenshot', 'download'];
const SOUND_TRACKS: readonly string[] = ['desktop-audio', 'narration'];
const SPEECH_BITRATE_BPS = 48_000;
const MAX_STREAM_BYTES = 16_000_000;
const STREAM_DEADLINE_MS = 15_000;
const CALL_TIMEOUT_MS = 6_000;

export const H264_SUPPORTED = (): boolean => {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs;
  return !codecs || codecs.some((codec) => codec.mimeType.toLowerCase() === 'video/h264');
};

export class RoomLink {
  readonly #room: Room;
  readonly #agent: string;
  readonly #on: RoomHandlers;
  readonly #worker: Worker | null;
  /** Track sids that we have asked for in this connection. */
  readonly #asked = new Set<string>();
  #signalled = false;
  #relayTrouble: string | null = null;
  #open = true;

  /** `worker` reads the frames' metadata (capture time, number). */
  constructor(session: string, on: RoomHandlers, worker: Worker | null) {
    this.#agent = `agent-${session}`;
    this.#on = on;
    this.#worker = worker;
    this.#room = new Room({
      adaptiveStream: false,
      dynacast: false,
      reconnectPolicy: { nextRetryDelayInMs: ({ retryCount }) => RESUME_DELAYS_MS[retryCount] ?? null },
      dataStream: { maxPayloadByteLength: MAX_STREAM_BYTES },
      ...(worker ? { frameMetadata: { worker } } : {}),
    });
    this.#wire();
  }

  /** The whole of it within this time: the SDK's own two deadlines would add up. */
  async connect(serverUrl: string, token: string, within_ms: number): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(new Error('deadline')), within_ms);
    });
    try {
      await Promise.race([deadline, this.#room.connect(serverUrl, token, {
        // Subscriptions are asked for one by one: see #subscribe.
        autoSubscribe: false,
        maxRetries: 0,
        websocketTimeout: within_ms,
        peerConnectionTimeout: within_ms,
      })]);
    } catch (error) {
      void this.close();
      throw new ConnectFailure(!this.#signalled, this.#signalled ? 'No media come through.' : connectWords(error), { cause: error });
    } finally {
      clearTimeout(late);
    }
    this.#peopleChanged();
  }

  /** The browser's counters of every peer connection, also while they are still being made. */
  async reports(): Promise<RTCStatsReport[]> {
    const manager = this.#room.engine?.pcManager;
    const transports = [manager?.publisher, manager?.subscriber].filter((transport) => transport !== undefined);
    for (const transport of transports) {
      transport.onIceCandidateError = (event) => { this.#relayTrouble = relayWords(event as unknown as CandidateError) ?? this.#relayTrouble; };
    }
    const reports = await Promise.all(transports.map((transport) => transport.getStats()?.catch(() => undefined)));
    return reports.filter((report) => report !== undefined);
  }

  /** What the TURN relay's trouble is, if the browser met some. */
  get relayTrouble(): string | null {
    return this.#relayTrouble;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    void this.#room.disconnect().catch(() => undefined);
  }

  /** One packet to the agent alone. */
  async send(topic: string, payload: Uint8Array<ArrayBuffer>, reliable: boolean): Promise<void> {
    await this.#room.localParticipant.publishData(payload, { topic, reliable, destinationIdentities: [this.#agent] });
  }

  /** One request to the agent (docs/protocol.md), JSON in and out. */
  async call(method: string, body: Record<string, unknown>, timeout_ms = CALL_TIMEOUT_MS): Promise<unknown> {
    try {
      const answer = await this.#room.localParticipant.performRpc({ destinationIdentity: this.#agent, method, payload: JSON.stringify(body), responseTimeout: timeout_ms });
      return JSON.parse(answer || 'null') as unknown;
    } catch (error) {
      throw callError(error);
    }
  }

  async sendBytes(topic: string, mime: string, bytes: Uint8Array<ArrayBuffer>, attributes: Record<string, string> = {}): Promise<void> {
    const writer = await this.#room.localParticipant.streamBytes({ name: topic, topic, mimeType: mime, totalSize: bytes.byteLength, destinationIdentities: [this.#agent], attributes });
    await writer.write(bytes);
    await writer.close();
  }

  /** For the agent alone: the permission comes before the track. null takes it away. */
  async publishMicrophone(track: MediaStreamTrack | null): Promise<void> {
    const me = this.#room.localParticipant;
    const present = me.getTrackPublication(Track.Source.Microphone);
    if (present?.track && present.track.mediaStreamTrack !== track) await me.unpublishTrack(present.track, false);
    if (!track || (present?.track && present.track.mediaStreamTrack === track)) return;
    me.setTrackSubscriptionPermissions(false, [{ participantIdentity: this.#agent, allowAll: true }]);
    await me.publishTrack(track, {
      name: 'microphone', source: Track.Source.Microphone, dtx: true, red: true,
      audioPreset: { maxBitrate: SPEECH_BITRATE_BPS }, stopMicTrackOnMute: false,
    });
  }

  #wire(): void {
    const room = this.#room;
    room.registerTextStreamHandler('captions', (reader, who) => {
      if (this.#isAgent(who)) void reader.readAll().then((text) => { if (this.#open) this.#on.caption(text, reader.info.attributes ?? {}); }, () => undefined);
    });
    const alive = <A extends unknown[]>(handler: (...args: A) => void) => (...args: A) => {
      if (this.#open) handler(...args);
    };
    room
      .on(RoomEvent.SignalConnected, alive(() => {
        this.#signalled = true;
        this.#findAgent();
      }))
      .on(RoomEvent.ParticipantConnected, alive((who) => (this.#isAgent(who) ? this.#agentChanged(who) : this.#peopleChanged())))
      .on(RoomEvent.ParticipantDisconnected, alive((who) => (this.#isAgent(who) ? this.#on.agent(false, {}, '') : this.#peopleChanged())))
      .on(RoomEvent.ParticipantAttributesChanged, alive((_changed, who) => {
        if (this.#isAgent(who)) this.#agentChanged(who as RemoteParticipant);
        else this.#peopleChanged();
      }))
      .on(RoomEvent.TrackPublished, alive((publication, who) => this.#subscribe(publication, who)))
      .on(RoomEvent.TrackSubscribed, alive((track, publication, who) => {
        if (this.#isScreen(publication, who)) this.#on.screen(screenTrack(track as RemoteVideoTrack));
        else if (this.#isSound(publication, who)) {
          passOn(track.receiver, this.#worker);
          this.#on.sound(publication.trackName, { media: track.mediaStreamTrack, stats: () => track.getRTCStatsReport() });
        }
      }))
      .on(RoomEvent.TrackUnsubscribed, alive((_track, publication, who) => {
        if (this.#isScreen(publication, who)) this.#on.screen(null);
        else if (this.#isSound(publication, who)) this.#on.sound(publication.trackName, null);
      }))
      .on(RoomEvent.TrackMuted, alive((publication, who) => {
        // The agent mutes what is silent, and sends again before the SDK has heard of it.
        const media = publication.track?.mediaStreamTrack;
        if (media && this.#isAgent(who)) media.enabled = true;
      }))
      .on(RoomEvent.DataReceived, alive((payload, who, _kind, topic) => {
        if (who && topic && this.#isAgent(who)) this.#on.data(topic, payload);
      }))
      .on(RoomEvent.Reconnecting, alive(() => this.#on.recovering()))
      .on(RoomEvent.SignalReconnecting, alive(() => this.#on.recovering()))
      .on(RoomEvent.Reconnected, alive(() => {
        this.#findAgent();
        this.#on.recovered();
      }))
      .on(RoomEvent.Disconnected, alive((reason) => {
        this.#open = false;
        this.#on.closed(roomEnd(reason));
      }));
    for (const topic of STREAM_TOPICS) {
      room.registerByteStreamHandler(topic, (reader, { identity }) => {
        if (this.#open && identity === this.#agent) void this.#read(topic, reader).catch(() => undefined);
      });
    }
  }

  async #read(topic: string, reader: ByteStreamReader): Promise<void> {
    const { size, mimeType, attributes } = reader.info;
    if (size !== undefined && size > MAX_STREAM_BYTES) return;
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for await (const chunk of reader.withAbortSignal(AbortSignal.timeout(STREAM_DEADLINE_MS))) {
      length += chunk.byteLength;
      if (length > MAX_STREAM_BYTES) return;
      chunks.push(chunk as Uint8Array<ArrayBuffer>);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    if (this.#open) this.#on.bytes({ topic, mime: mimeType, attributes: attributes ?? {} }, bytes);
  }

  #isAgent(who: { identity: string }): boolean {
    return who.identity === this.#agent;
  }

  #isScreen(publication: RemoteTrackPublication, who: { identity: string }): boolean {
    return this.#isAgent(who) && publication.kind === Track.Kind.Video && publication.source === Track.Source.ScreenShare && publication.trackName === 'screen';
  }

  #isSound(publication: RemoteTrackPublication, who: { identity: string }): boolean {
    return this.#isAgent(who) && publication.kind === Track.Kind.Audio && SOUND_TRACKS.includes(publication.trackName);
  }

  #findAgent(): void {
    const agent = this.#room.remoteParticipants.get(this.#agent);
    if (agent) this.#agentChanged(agent);
    this.#peopleChanged();
  }

  #agentChanged(agent: RemoteParticipant): void {
    this.#on.agent(true, agent.attributes, agent.sid);
    for (const publication of agent.trackPublications.values()) this.#subscribe(publication as RemoteTrackPublication, agent);
  }

  #subscribe(publication: RemoteTrackPublication, who: { identity: string }): void {
    if (!(this.#isScreen(publication, who) || this.#isSound(publication, who)) || this.#asked.has(publication.trackSid)) return;
    this.#asked.add(publication.trackSid);
    publication.setSubscribed(true);
  }

  #peopleChanged(): void {
    const self = this.#room.localParticipant;
    const others = [...this.#room.remoteParticipants.values()].filter((who) => !this.#isAgent(who));
    this.#on.people([
      { identity: self.identity, name: self.name || self.identity, self: true, attributes: self.attributes },
      ...others.map((who) => ({ identity: who.identity, name: who.name || who.identity, self: false, attributes: who.attributes })),
    ]);
  }
}

interface EncodedStreams {
  readable: ReadableStream<unknown>;
  writable: WritableStream<unknown>;
}

/**
 * In a connection whose frames a worker handles Chromium plays only what was led through one. LiveKit leads the pictures
 * and forgets the sound; its worker takes what has no metadata as it is.
 */
function passOn(receiver: (RTCRtpReceiver & { createEncodedStreams?(): EncodedStreams }) | undefined, worker: Worker | null): void {
  if (!worker || !receiver?.createEncodedStreams) return;
  try {
    const { readable: readableStream, writable: writableStream } = receiver.createEncodedStreams();
    const data = { readableStream, writableStream, trackId: receiver.track.id, hasPacketTrailer: false };
    worker.postMessage({ kind: 'decode', data }, [readableStream, writableStream]);
  } catch {
    // A connection of the usual kind, or a receiver that was led already.
  }
}

function screenTrack(track: RemoteVideoTrack): ScreenTrack {
  return {
    media: track.mediaStreamTrack,
    stats: () => track.getRTCStatsReport(),
    captured_us: (rtpTimestamp) => {
      const time = track.lookupFrameMetadata({ rtpTimestamp })?.userTimestamp;
      return time ? Number(time) : null;
    },
    frameId: (rtpTimestamp) => track.lookupFrameMetadata({ rtpTimestamp })?.frameId || null,
  };
}

const NOT_ANSWERED: Record<number, string> = {
  [RpcError.ErrorCode.CONNECTION_TIMEOUT]: 'The session does not answer.',
  [RpcError.ErrorCode.RESPONSE_TIMEOUT]: 'The session did not answer in time.',
  [RpcError.ErrorCode.RECIPIENT_NOT_FOUND]: 'The session is away.',
  [RpcError.ErrorCode.RECIPIENT_DISCONNECTED]: 'The session has just gone.',
  [RpcError.ErrorCode.UNSUPPORTED_METHOD]: 'This session cannot do that.',
  [RpcError.ErrorCode.REQUEST_PAYLOAD_TOO_LARGE]: 'That is too large.',
};

function callError(error: unknown): CallError {
  if (!(error instanceof RpcError)) return new CallError(0, 'The session cannot be reached.');
  // The agent's own refusals use some of the same codes; they are sentences in small letters, the SDK's are titles.
  const own = /^[a-z]/.test(error.message);
  return new CallError(error.code, (own ? null : NOT_ANSWERED[error.code]) ?? (error.message || 'The session refused.'));
}

function connectWords(error: unknown): string {
  if (error instanceof ConnectionError) {
    if (error.reason === ConnectionErrorReason.NotAllowed) return 'The media server refused the ticket.';
    if (error.reason === ConnectionErrorReason.ServerUnreachable || error.reason === ConnectionErrorReason.WebSocket) return 'The media server cannot be reached.';
    if (error.reason === ConnectionErrorReason.Timeout) return 'The media server did not answer in time.';
  }
  return 'The media server did not answer in time.';
}

function roomEnd(reason: DisconnectReason | undefined): RoomEnd {
  switch (reason) {
    case DisconnectReason.PARTICIPANT_REMOVED: return { cause: 'removed', why: 'You were removed from the session.' };
    case DisconnectReason.ROOM_DELETED: return { cause: 'deleted', why: 'The session was closed.' };
    case DisconnectReason.SERVER_SHUTDOWN: return { cause: 'lost', why: 'The media server is restarting.' };
    case DisconnectReason.DUPLICATE_IDENTITY: return { cause: 'lost', why: 'The same ticket was used twice.' };
    default: return { cause: 'lost', why: 'The media connection was lost.' };
  }
}
