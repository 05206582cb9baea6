/**
 * The keyboard's side of the page: one text field that has the focus while somebody acts. Keys go through
 * keyboard.ts; what only becomes text (input methods, dead keys, on-screen keyboards, dictation) comes out
 * of the field itself.
 */

import { Cleanup, h } from '../ui/dom';
import type { Point } from './messages';
import { Keyboard, textChange, type KeyRecord, type Platform } from './keyboard';
import { XK } from './keysyms';
import type { Sender } from './sender';

export interface KeyHost {
  acts(): boolean;
  /** Ctrl+V or its like was pressed: resolves when the session may see the V. The native paste event follows. */
  pasting(): Promise<void>;
  paste(event: ClipboardEvent): void;
  /** The browser asks what to copy. */
  copy(event: ClipboardEvent): void;
  /** Any key or click: a chance to write the clipboard, which some browsers allow only then. */
  gesture(): void;
  /** Esc twice in a row. */
  escapes(): void;
  /** Ctrl+Alt+Shift on their own: the keyboard leaves the session. */
  leave(): void;
  flags(event: KeyboardEvent): void;
  /** Text of an on-screen keyboard; true: it was sent as keys (a modifier sticks). */
  typed(text: string): boolean;
  focused(on: boolean): void;
}

const ESCAPES_MS = 400;
/** Keeps an on-screen keyboard's Backspace from finding nothing to delete; never sent. */
const PAD = '\u200b\u200b';
const LONG_VALUE = 160;

export function platform(): Platform {
  const name = (navigator as { userAgentData?: { platform?: string } }).userAgentData?.platform ?? navigator.platform ?? '';
  return { mac: /mac|iphone|ipad/i.test(name), windows: /win/i.test(name), commandIsControl: true };
}

export class KeyInput {
  readonly field: HTMLTextAreaElement;
  readonly keyboard: Keyboard;
  readonly #cleanup = new Cleanup();
  #escaped_ms = -Infinity;
  #value = '';
  #composing = false;
  /** Ctrl, Alt and Shift are down and nothing else was. */
  #leaving = false;

  constructor(readonly sender: Sender, readonly host: KeyHost, where: Platform = platform()) {
    this.keyboard = new Keyboard(where, { key: (keysym, down, code) => sender.key(keysym, down, code) });
    this.field = h('textarea', {
      class: 'key-field',
      attrs: {
        'aria-label': 'Keyboard of the session. Press Ctrl, Alt and Shift together to leave it.', inputmode: 'none', rows: 1, wrap: 'off',
        autocapitalize: 'off', autocomplete: 'off', autocorrect: 'off', spellcheck: 'false', enterkeyhint: 'enter', 'data-gramm': 'false', tabindex: -1,
      },
    });
    const { field } = this;
    const listen = this.#cleanup;
    listen.listen(field, 'keydown', (event) => this.#down(event));
    listen.listen(field, 'keyup', (event) => this.#up(event));
    listen.listen(field, 'compositionstart', () => { this.#composing = true; field.classList.add('composing'); });
    listen.listen(field, 'compositionend', (event) => this.#composed(event));
    listen.listen(field, 'input', (event) => this.#input(event as InputEvent));
    listen.listen(field, 'paste', (event) => { if (host.acts()) host.paste(event); });
    listen.listen(field, 'copy', (event) => host.copy(event));
    listen.listen(field, 'cut', (event) => host.copy(event));
    listen.listen(field, 'focus', () => host.focused(true));
    listen.listen(field, 'blur', () => {
      this.keyboard.forget();
      host.focused(false);
    });
    this.clear();
  }

  get focused(): boolean {
    return document.activeElement === this.field;
  }

  focus(): void {
    this.field.focus({ preventScroll: true });
  }

  /** Shows or hides the system's on-screen keyboard (touch). */
  setScreenKeyboard(on: boolean): void {
    this.field.inputMode = on ? 'text' : 'none';
    this.field.classList.toggle('typing-area', on);
    this.clear();
    if (on) {
      // Only a fresh focus raises it.
      this.field.blur();
      this.focus();
    }
  }

  /** Where an input method shows its candidates. */
  place(at: Point, scale: number): void {
    this.field.style.left = `${at.x * scale}px`;
    this.field.style.top = `${at.y * scale}px`;
  }

  forget(): void {
    this.keyboard.forget();
    this.#leaving = false;
    if (!this.#composing) this.clear();
  }

  clear(): void {
    this.field.value = PAD;
    this.field.setSelectionRange(PAD.length, PAD.length);
    this.#value = PAD;
  }

  close(): void {
    this.keyboard.forget();
    this.#cleanup.run();
    this.field.remove();
  }

  /** Also called with keys that arrive elsewhere on the page while the session should have them. */
  #down(event: KeyboardEvent): void {
    if (!this.host.acts()) return;
    this.host.flags(event);
    const record = toRecord(event);
    this.#watchChord(event);
    if (!event.isComposing && !event.repeat) {
      this.host.gesture();
      this.#watchEscapes(event);
    }
    if (isPaste(event, this.keyboard.platform.mac)) {
      // The keys wait; the browser goes on and gives us its paste event, without asking anybody.
      if (!event.repeat) this.sender.gate(this.host.pasting());
      this.keyboard.down(record);
      event.stopPropagation();
      return;
    }
    if (this.keyboard.down(record)) event.preventDefault();
    event.stopPropagation();
  }

  take(event: KeyboardEvent): void {
    this.focus();
    this.#down(event);
  }

  #up(event: KeyboardEvent): void {
    if (!this.host.acts()) return;
    this.host.flags(event);
    if (this.keyboard.up(toRecord(event))) event.preventDefault();
    if (this.#leaving && !event.ctrlKey && !event.altKey && !event.shiftKey) {
      this.#leaving = false;
      this.host.leave();
    }
  }

  #watchEscapes(event: KeyboardEvent): void {
    const now_ms = event.timeStamp;
    if (event.key !== 'Escape') this.#escaped_ms = -Infinity;
    else if (now_ms - this.#escaped_ms <= ESCAPES_MS) {
      this.#escaped_ms = -Infinity;
      this.host.escapes();
    } else this.#escaped_ms = now_ms;
  }

  #watchChord(event: KeyboardEvent): void {
    const modifier = event.key === 'Control' || event.key === 'Alt' || event.key === 'Shift' || event.key === 'Meta';
    if (!modifier) this.#leaving = false;
    else if (event.ctrlKey && event.altKey && event.shiftKey) this.#leaving = true;
  }

  #composed(event: CompositionEvent): void {
    this.#composing = false;
    this.field.classList.remove('composing');
    // An on-screen keyboard's words were sent letter by letter already.
    if (this.field.classList.contains('typing-area')) return this.#change();
    if (event.data && this.host.acts()) this.sender.text(event.data);
    this.clear();
  }

  #input(event: InputEvent): void {
    if (!this.host.acts()) return this.clear();
    const onScreen = this.field.classList.contains('typing-area');
    if (onScreen) {
      if (event.inputType === 'insertLineBreak' || event.inputType === 'insertParagraph') {
        this.#tap(XK.Return);
        return this.clear();
      }
      this.#change();
      if (!this.#composing && (this.field.value.length > LONG_VALUE || this.field.value.length < PAD.length)) this.clear();
      return;
    }
    if (event.isComposing || this.#composing) return;
    // Dictation, an emoji picker, a spelling correction: text without keys.
    this.#change();
    this.clear();
  }

  /** What the field holds now against what was sent of it. */
  #change(): void {
    const { backspaces, text } = textChange(this.#value, this.field.value);
    this.#value = this.field.value;
    if (!this.host.acts()) return;
    for (let i = 0; i < backspaces; i += 1) this.#tap(XK.BackSpace);
    const typed = text.replaceAll('\u200b', '');
    if (typed && !this.host.typed(typed)) this.sender.text(typed);
  }

  #tap(keysym: number): void {
    this.sender.key(keysym, true);
    this.sender.key(keysym, false);
  }
}

function toRecord(event: KeyboardEvent): KeyRecord {
  return {
    key: event.key, code: event.code, location: event.location, repeat: event.repeat, composing: event.isComposing || event.keyCode === 229,
    time_ms: event.timeStamp, ctrl: event.ctrlKey, alt: event.altKey, shift: event.shiftKey, meta: event.metaKey, altGraph: event.getModifierState('AltGraph'),
  };
}

/** Ctrl+V (also with Shift, as terminals want it), ⌘V, Shift+Insert. */
function isPaste(event: KeyboardEvent, mac: boolean): boolean {
  if (event.altKey) return false;
  if (event.key === 'Insert') return event.shiftKey && !event.ctrlKey && !event.metaKey;
  const v = event.key.toLowerCase() === 'v' || (event.code === 'KeyV' && event.key.codePointAt(0)! > 0x7f);
  return v && (mac ? event.metaKey : event.ctrlKey);
}
