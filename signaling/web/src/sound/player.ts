/** Plays the session's tracks. The browser may refuse until a gesture; then says so and tries again. */

export interface PlayerHandlers {
  blocked(): void;
  playing(): void;
}

export class Player {
  readonly #elements = new Map<string, HTMLAudioElement>();
  #volume = 1;
  #muted = false;

  constructor(readonly on: PlayerHandlers) {}

  /** null when the track is gone. */
  set(name: string, media: MediaStreamTrack | null): void {
    this.#elements.get(name)?.remove();
    this.#elements.delete(name);
    if (!media) return;
    const element = new Audio();
    element.srcObject = new MediaStream([media]);
    element.dataset['track'] = name;
    element.hidden = true;
    document.body.append(element);
    this.#elements.set(name, element);
    this.#apply(element);
    void this.play();
  }

  get any(): boolean {
    return this.#elements.size > 0;
  }

  setVolume(volume: number, muted: boolean): void {
    this.#volume = volume;
    this.#muted = muted;
    for (const element of this.#elements.values()) this.#apply(element);
  }

  #apply(element: HTMLAudioElement): void {
    element.volume = this.#volume;
    element.muted = this.#muted;
  }

  /** Works at any time after a gesture, and inside one. */
  async play(): Promise<void> {
    const elements = [...this.#elements.values()];
    if (elements.length === 0) return;
    const results = await Promise.allSettled(elements.map((element) => element.play()));
    const refused = results.some((result) => result.status === 'rejected' && (result.reason as Error).name === 'NotAllowedError');
    if (refused) this.on.blocked();
    else if (results.every((result) => result.status === 'fulfilled')) this.on.playing();
  }

  close(): void {
    for (const name of [...this.#elements.keys()]) this.set(name, null);
  }
}
