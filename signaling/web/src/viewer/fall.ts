/** Goes over to the VNC fallback by itself when WebRTC is blocked, says so, and comes back when it is not. */

import { wantsFallback, type LadderEvent } from '../ladder';
import { isLive, type State } from '../machine';
import { button } from '../ui/controls';
import { h, setText } from '../ui/dom';
import type { FallbackPhase } from './fallback';
import type { Tab } from './header';

export interface Situation {
  state: State;
  tab: Tab;
  /** The tab was chosen by this module, not by the person. */
  automatic: boolean;
  /** The person went back although WebRTC is blocked. */
  declined: boolean;
  vnc: FallbackPhase;
}

/** The tab to go to; null: stay. */
export function decide({ state, tab, automatic, declined, vnc }: Situation): Tab | null {
  const { transport, session } = state;
  const unplayable = transport.phase === 'refused' && transport.refusal === 'no-h264';
  if (tab === 'vnc') {
    if (!automatic) return null;
    if (isLive(state)) return 'live';
    // Ended, removed, or there is no fallback: the live view says it better.
    if (transport.phase === 'refused' && !unplayable) return 'live';
    return vnc === 'refused' && !unplayable ? 'live' : null;
  }
  if (declined || vnc === 'refused' || !wantsFallback(state.ladder)) return null;
  // Without an agent there is nothing to show over VNC either.
  if (unplayable) return 'vnc';
  return transport.phase !== 'refused' && session.phase !== 'waiting' && session.phase !== 'ended' ? 'vnc' : null;
}

const VNC_STATES: Record<FallbackPhase, Extract<LadderEvent, { type: 'vnc' }>['state']> = {
  idle: 'waiting', connecting: 'trying', starting: 'trying', showing: 'open', lost: 'trying', refused: 'failed',
};

export interface FallActions {
  show(tab: Tab): void;
  tell(event: LadderEvent): void;
  retry(): void;
}

export class Fall {
  /** Lies over the fallback's picture while the person did not ask for it. */
  readonly note: HTMLElement;
  readonly #words = h('span', {});
  readonly #retry: HTMLButtonElement;
  #tab: Tab = 'live';
  #automatic = false;
  #declined = false;
  #vnc: FallbackPhase = 'idle';

  constructor(readonly on: FallActions) {
    this.#retry = button({ label: 'Try again', text: 'Try again', onClick: on.retry });
    this.note = h('div', { class: 'fall-note', attrs: { role: 'status', hidden: true } }, this.#words, this.#retry);
  }

  /** The person chose a tab. */
  chose(tab: Tab): void {
    this.#declined = tab === 'live' && this.#tab === 'vnc';
    this.#tab = tab;
    this.#automatic = false;
  }

  vnc(phase: FallbackPhase): void {
    if (phase === this.#vnc) return;
    this.#vnc = phase;
    this.on.tell({ type: 'vnc', state: VNC_STATES[phase] });
  }

  state(state: State): void {
    if (isLive(state)) this.#declined = false;
    const next = decide({ state, tab: this.#tab, automatic: this.#automatic, declined: this.#declined, vnc: this.#vnc });
    if (next) {
      this.#tab = next;
      this.#automatic = next === 'vnc';
      this.on.show(next);
    }
    const unplayable = state.transport.phase === 'refused';
    this.note.hidden = !(this.#automatic && this.#tab === 'vnc' && this.#vnc !== 'refused');
    setText(this.#words, unplayable
      ? 'Showing the VNC fallback; this browser cannot play H.264 over WebRTC.'
      : 'Showing the VNC fallback; WebRTC is blocked on this network.');
    this.#retry.hidden = unplayable;
  }
}
