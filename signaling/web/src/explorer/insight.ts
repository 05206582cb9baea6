/**
 * Work for cards in sight only, in a visible tab, a few at a time: thumbnails and usage cost nothing
 * when nobody looks.
 */

export interface Task {
  /** Does the work; resolves with the time until it is due again. */
  run(session: string): Promise<number>;
}

interface Entry {
  element: Element;
  visible: boolean;
  live: boolean;
  due_ms: number;
  busy: boolean;
}

export class InSight {
  readonly #entries = new Map<string, Entry>();
  readonly #names = new WeakMap<Element, string>();
  readonly #observer = new IntersectionObserver((changes) => this.#seen(changes), { rootMargin: '120px' });
  readonly #timer = setInterval(() => this.#pump(), 1_000);
  #running = 0;

  constructor(readonly task: Task, readonly atOnce: number) {}

  add(session: string, element: Element): void {
    this.#entries.set(session, { element, visible: false, live: false, due_ms: 0, busy: false });
    this.#names.set(element, session);
    this.#observer.observe(element);
  }

  has(session: string): boolean {
    return this.#entries.has(session);
  }

  setLive(session: string, live: boolean): void {
    const entry = this.#entries.get(session);
    if (!entry || entry.live === live) return;
    entry.live = live;
    entry.due_ms = 0;
    this.#pump();
  }

  remove(session: string): void {
    const entry = this.#entries.get(session);
    if (!entry) return;
    this.#observer.unobserve(entry.element);
    this.#entries.delete(session);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
    this.#entries.clear();
  }

  #seen(changes: IntersectionObserverEntry[]): void {
    for (const change of changes) {
      const entry = this.#entries.get(this.#names.get(change.target) ?? '');
      if (entry) entry.visible = change.isIntersecting;
    }
    this.#pump();
  }

  #pump(): void {
    if (document.visibilityState !== 'visible' || this.#running >= this.atOnce) return;
    const now_ms = performance.now();
    const due = [...this.#entries].filter(([, entry]) => entry.visible && entry.live && !entry.busy && entry.due_ms <= now_ms);
    due.sort(([, a], [, b]) => a.due_ms - b.due_ms);
    for (const [session, entry] of due.slice(0, this.atOnce - this.#running)) void this.#do(session, entry);
  }

  async #do(session: string, entry: Entry): Promise<void> {
    entry.busy = true;
    this.#running += 1;
    try {
      const after_ms = await this.task.run(session);
      entry.due_ms = performance.now() + after_ms * (0.9 + Math.random() * 0.2);
    } finally {
      entry.busy = false;
      this.#running -= 1;
      this.#pump();
    }
  }
}
