/**
 * The seam between the viewer and what people add to it: control, sound, recording, the fallback.
 * A part gets the host once, puts its buttons into the bar, and answers to what it cares for.
 */

import type { Placement } from '../viewport';
import type { Event, State } from '../machine';
import type { Person, RoomLink, ScreenTrack, SoundTrack, StreamInfo } from '../room';
import type { MenuItem } from '../ui/dialog';
import type { Cleanup } from '../ui/dom';
import type { Bar } from './bar';
import type { Header } from './header';
import type { Picture, PresentedFrame } from './picture';
import type { StatsPanel } from './statspanel';

export interface Host {
  readonly session: string;
  /** The whole page of the session: its `data-*` say to style sheets and tests what the page believes. */
  readonly viewer: HTMLElement;
  /** The live view: stage, sentence, statistics and bar. */
  readonly panel: HTMLElement;
  readonly picture: Picture;
  readonly bar: Bar;
  readonly head: Header;
  readonly stats: StatsPanel;
  /** Undone in reverse order when the page is left. */
  readonly cleanup: Cleanup;
  readonly state: () => State;
  /** Reports to the reducer; `Part.state` follows if it changed anything. */
  tell(event: Event): void;
  /** One packet to the agent alone; lost silently while there is no room. */
  send(topic: string, payload: Uint8Array<ArrayBuffer>, reliable: boolean): void;
  /** One request to the agent: its answer, or a CallError with words. */
  call(method: string, body: Record<string, unknown>, timeout_ms?: number): Promise<unknown>;
  /** Bytes to the agent alone (a picture of the clipboard). */
  sendBytes(topic: string, mime: string, bytes: Uint8Array<ArrayBuffer>, attributes?: Record<string, string>): Promise<void>;
  /** Is the live view what people look at (and not another tab of the page)? */
  shown(): boolean;
}

export interface Part {
  state?(state: State, before: State): void;
  /** A new connection stands (or, with null, is gone). */
  room?(room: RoomLink | null): void;
  agent?(present: boolean, attributes: Readonly<Record<string, string>>, sid: string): void;
  people?(people: readonly Person[]): void;
  data?(topic: string, payload: Uint8Array): void;
  /** A whole byte stream of the agent's has come. */
  bytes?(info: StreamInfo, bytes: Uint8Array<ArrayBuffer>): void;
  screen?(track: ScreenTrack | null): void;
  frame?(frame: PresentedFrame): void;
  /** The picture lies elsewhere on the stage now. */
  placed?(placement: Placement): void;
  /** One of the agent's sound tracks; null when it is gone. */
  sound?(name: string, track: SoundTrack | null): void;
  caption?(text: string, attributes: Readonly<Record<string, string>>): void;
  /** More entries for the bar's "More" menu, asked for when it opens. */
  menu?(): MenuItem[];
  /** Keys go to the session now: the page's own one-letter shortcuts are silent. */
  typing?(): boolean;
}

export type MakePart = (host: Host) => Part;
