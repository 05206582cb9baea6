/**
 * `<session-view session="build-42" offer-url="/my/offer">`: one live session in any page.
 *
 * `offer-url` is asked by POST for what `POST …/webrtc/offer` of the shim answers. Usually it is a route
 * of the embedding site, which holds the API key and decides who may watch; it can be the shim's own
 * route where CORS_ORIGINS names the page, with a short-lived bearer in the property `authorization`.
 */

import { offerAt } from './api';
import sheet from './css/embed.css?inline';
import tileSheet from './css/tile.css?inline';
import vncSheet from './css/vnc.css?inline';
import { isSessionId, type Offer } from './types';
import type { OfferSource } from './viewer/access';
import { liveTile, type Tile } from './viewer/tile';

const NAME = 'session-view';

let styles: CSSStyleSheet[] | null = null;
function stylesheets(): CSSStyleSheet[] {
  styles ??= [sheet, tileSheet, vncSheet].map((text) => {
    const made = new CSSStyleSheet();
    made.replaceSync(text);
    return made;
  });
  return styles;
}

export interface StateChange {
  /** `live`, `connecting`, `reconnecting`, `starting`, `ended`, … */
  state: string;
  tone: string;
  session: string;
}

/** Fires `statechange` (detail: StateChange) whenever what it says of the session changes. */
export class SessionView extends HTMLElement {
  static readonly observedAttributes = ['session', 'offer-url', 'credentials'];
  /** The value of the Authorization header for `offer-url`, if it wants one. */
  authorization: string | null = null;
  #tile: Tile | null = null;
  #state = '';
  #due = false;

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = stylesheets();
  }

  /** What it says of the session now; empty before it began. */
  get state(): string {
    return this.#state;
  }

  connectedCallback(): void {
    this.#later();
  }

  disconnectedCallback(): void {
    this.#stop();
  }

  attributeChangedCallback(): void {
    this.#later();
  }

  /** Begins anew, with a new offer. */
  restart(): void {
    this.#tile?.restart();
  }

  /** Attributes come one by one; they count together. */
  #later(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#stop();
      if (this.isConnected) this.#start();
    });
  }

  #stop(): void {
    this.#tile?.close();
    this.#tile = null;
    this.shadowRoot!.replaceChildren();
  }

  #start(): void {
    const session = this.getAttribute('session') ?? '';
    const url = this.getAttribute('offer-url') ?? '';
    if (!isSessionId(session) || !url) {
      const words = document.createElement('p');
      words.className = 'tile-sentence';
      words.textContent = url ? 'No session of this name can exist.' : 'The attribute offer-url is missing.';
      this.shadowRoot!.append(words);
      return;
    }
    const source: OfferSource = {
      offer: (signal, step): Promise<Offer> => {
        step('offer');
        return offerAt(new URL(url, document.baseURI).href, { credentials: this.#credentials(), authorization: this.authorization, signal });
      },
      ask: () => Promise.resolve(null),
    };
    this.#tile = liveTile(session, source, {
      state: (word, tone) => {
        const state = word.toLowerCase().replaceAll(' ', '-');
        if (state === this.#state) return;
        this.#state = state;
        this.dispatchEvent(new CustomEvent<StateChange>('statechange', { detail: { state, tone, session } }));
      },
    });
    this.shadowRoot!.append(this.#tile.element);
  }

  #credentials(): RequestCredentials {
    const wanted = this.getAttribute('credentials');
    return wanted === 'include' || wanted === 'omit' ? wanted : 'same-origin';
  }
}

if (!customElements.get(NAME)) customElements.define(NAME, SessionView);

declare global {
  interface HTMLElementTagNameMap {
    'session-view': SessionView;
  }
}
