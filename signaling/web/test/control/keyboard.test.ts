import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Keyboard, textChange, type KeyRecord, type Platform } from '../../src/control/keyboard';
import { XK, fromCodePoint, keysymOf, latinOf } from '../../src/control/keysyms';

const key = (text: string, code = '', location = 0) => keysymOf({ key: text, code, location });

describe('keysyms', () => {
  it.each([
    ['a', 'KeyA', 0, 0x61], ['A', 'KeyA', 0, 0x41], ['ß', 'Minus', 0, 0xdf], ['é', 'Digit2', 0, 0xe9], [' ', 'Space', 0, 0x20],
    ['ф', 'KeyA', 0, 0x0100_0444], ['€', 'KeyE', 0, 0x0100_20ac], ['日', '', 0, 0x0100_65e5], ['😀', '', 0, 0x0101_f600], ['ő', '', 0, 0x0100_0151],
    ['Enter', 'Enter', 0, 0xff0d], ['Enter', 'NumpadEnter', 3, 0xff8d], ['F1', 'F1', 0, 0xffbe], ['F12', 'F12', 0, 0xffc9], ['F24', 'F24', 0, 0xffd5],
    ['Shift', 'ShiftLeft', 1, 0xffe1], ['Shift', 'ShiftRight', 2, 0xffe2], ['Control', 'ControlRight', 2, 0xffe4], ['Meta', 'MetaLeft', 1, 0xffeb], ['AltGraph', 'AltRight', 2, 0xfe03],
    ['1', 'Numpad1', 3, 0xffb1], ['End', 'Numpad1', 3, 0xff9c], ['.', 'NumpadDecimal', 3, 0xffae], [',', 'NumpadDecimal', 3, 0xffae], ['+', 'NumpadAdd', 3, 0xffab],
    ['ArrowLeft', 'ArrowLeft', 0, 0xff51], ['ContextMenu', 'ContextMenu', 0, 0xff67], ['AudioVolumeUp', 'AudioVolumeUp', 0, 0x1008ff13], ['Backspace', 'Backspace', 0, 0xff08],
  ] as const)('%s of %s (%i) is 0x%s', (text, code, location, keysym) => expect(key(text, code, location)).toBe(keysym));
  it.each(['Dead', 'Process', 'Unidentified', '', 'Fn', 'TVInput', 'constructor', '__proto__'])('%j makes none', (name) => expect(key(name)).toBeNull());
  it('makes none of half characters and control characters', () => {
    for (const codePoint of [0, 1, 0x1f, 0x80, 0x9f, 0xd800, 0xdfff, 0x11_0000]) expect(fromCodePoint(codePoint)).toBeNull();
    expect(fromCodePoint(0x0a)).toBe(XK.Return);
  });
  it('knows the Latin letter of a key', () => {
    expect(latinOf('KeyC')).toBe('c'.charCodeAt(0));
    expect(latinOf('Digit2')).toBe('2'.charCodeAt(0));
    expect(latinOf('Quote')).toBeNull();
  });
});

const PLAIN: Platform = { mac: false, windows: false, commandIsControl: true };
const MAC: Platform = { ...PLAIN, mac: true };
const WINDOWS: Platform = { ...PLAIN, windows: true };

function board(platform: Platform) {
  const sent: string[] = [];
  const keyboard = new Keyboard(platform, { key: (keysym, down) => sent.push(`${down ? '+' : '-'}${name(keysym)}`) });
  let time_ms = 0;
  const record = (text: string, code: string, more: Partial<KeyRecord> = {}): KeyRecord => {
    time_ms += more.time_ms ?? 100;
    return { key: text, code, location: 0, repeat: false, composing: false, ctrl: false, alt: false, shift: false, meta: false, altGraph: false, ...more, time_ms };
  };
  return { sent, keyboard, down: (text: string, code: string, more?: Partial<KeyRecord>) => keyboard.down(record(text, code, more)), up: (text: string, code: string, more?: Partial<KeyRecord>) => keyboard.up(record(text, code, more)) };
}

function name(keysym: number): string {
  const known = Object.entries(XK).find(([, value]) => value === keysym);
  if (known) return known[0];
  return String.fromCodePoint(keysym >= 0x0100_0000 ? keysym - 0x0100_0000 : keysym);
}

beforeEach(() => { vi.useFakeTimers(); });

describe('keys', () => {
  it('go down and up once, whatever the browser repeats', () => {
    const { sent, down, up } = board(PLAIN);
    down('a', 'KeyA');
    down('a', 'KeyA', { repeat: true });
    up('a', 'KeyA');
    up('a', 'KeyA');
    expect(sent).toEqual(['+a', '-a']);
  });
  it('come up as what went down, also when Shift came up before', () => {
    const { sent, down, up } = board(PLAIN);
    down('Shift', 'ShiftLeft', { shift: true, location: 1 });
    down('A', 'KeyA', { shift: true });
    up('Shift', 'ShiftLeft', { location: 1 });
    up('a', 'KeyA');
    expect(sent).toEqual(['+Shift_L', '+A', '-Shift_L', '-A']);
  });
  it('let go of a modifier that came up unseen', () => {
    const { sent, down } = board(PLAIN);
    down('Alt', 'AltLeft', { alt: true, location: 1 });
    down('x', 'KeyX');
    expect(sent).toEqual(['+Alt_L', '-Alt_L', '+x']);
  });
  it('are Latin for shortcuts of a layout that has no Latin letters', () => {
    const { sent, down, up } = board(PLAIN);
    down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    down('с', 'KeyC', { ctrl: true });
    up('с', 'KeyC', { ctrl: true });
    up('Control', 'ControlLeft', { location: 1 });
    down('с', 'KeyC');
    expect(sent).toEqual(['+Control_L', '+c', '-c', '-Control_L', '+с']);
  });
  it('of an input method and dead ones are left to the text field', () => {
    const { sent, down } = board(PLAIN);
    expect(down('Process', 'KeyN')).toBe(false);
    expect(down('n', 'KeyN', { composing: true })).toBe(false);
    expect(down('Dead', 'Equal')).toBe(false);
    expect(down('Unidentified', '')).toBe(false);
    expect(sent).toEqual([]);
  });
  it('Caps and Num Lock travel as states, never as keys', () => {
    const { sent, down } = board(PLAIN);
    expect(down('CapsLock', 'CapsLock')).toBe(true);
    expect(down('NumLock', 'NumLock')).toBe(true);
    expect(sent).toEqual([]);
  });
  it('AltGr makes a character without a modifier, and is pressed for what is none', () => {
    const { sent, down, up } = board(PLAIN);
    down('AltGraph', 'AltRight', { altGraph: true, location: 2 });
    down('€', 'KeyE', { altGraph: true });
    up('€', 'KeyE', { altGraph: true });
    down('ArrowLeft', 'ArrowLeft', { altGraph: true });
    up('ArrowLeft', 'ArrowLeft', { altGraph: true });
    up('AltGraph', 'AltRight', { location: 2 });
    expect(sent).toEqual(['+€', '-€', '+Level3_Shift', '+Left', '-Left', '-Level3_Shift']);
  });
});

describe('Windows', () => {
  it('says AltGr with a Ctrl that nobody pressed', () => {
    const { sent, down, up } = board(WINDOWS);
    down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    down('AltGraph', 'AltRight', { ctrl: true, alt: true, altGraph: true, location: 2, time_ms: 1 });
    down('@', 'KeyQ', { ctrl: true, alt: true, altGraph: true });
    up('@', 'KeyQ', { ctrl: true, alt: true, altGraph: true });
    up('Control', 'ControlLeft', { location: 1 });
    up('AltGraph', 'AltRight', { location: 2 });
    vi.runAllTimers();
    expect(sent).toEqual(['+@', '-@']);
  });
  it('has a real Ctrl too, a moment later or with the next key', () => {
    const first = board(WINDOWS);
    first.down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    vi.advanceTimersByTime(60);
    expect(first.sent).toEqual(['+Control_L']);
    const second = board(WINDOWS);
    second.down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    second.down('c', 'KeyC', { ctrl: true, time_ms: 5 });
    second.up('c', 'KeyC', { ctrl: true });
    second.up('Control', 'ControlLeft', { location: 1 });
    vi.runAllTimers();
    expect(second.sent).toEqual(['+Control_L', '+c', '-c', '-Control_L']);
  });
  it('a quick tap of Ctrl is a tap', () => {
    const { sent, down, up } = board(WINDOWS);
    down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    up('Control', 'ControlLeft', { location: 1, time_ms: 10 });
    vi.runAllTimers();
    expect(sent).toEqual(['+Control_L', '-Control_L']);
  });
  it('Ctrl and Alt that make a character are lifted for it', () => {
    const { sent, down } = board(WINDOWS);
    down('Control', 'ControlLeft', { ctrl: true, location: 1 });
    vi.advanceTimersByTime(60);
    down('Alt', 'AltLeft', { ctrl: true, alt: true, location: 1 });
    down('@', 'KeyQ', { ctrl: true, alt: true, altGraph: true });
    expect(sent).toEqual(['+Control_L', '+Alt_L', '-Control_L', '-Alt_L', '+@', '+Control_L', '+Alt_L']);
  });
});

describe('a Mac', () => {
  it('⌘C is Ctrl+C there, and C does not hang although its keyup never comes', () => {
    const { sent, down, up } = board(MAC);
    down('Meta', 'MetaLeft', { meta: true, location: 1 });
    down('c', 'KeyC', { meta: true });
    up('Meta', 'MetaLeft', { location: 1 });
    expect(sent).toEqual(['+Control_L', '+c', '-c', '-Control_L']);
  });
  it('what was down before ⌘ is let go with it', () => {
    const { sent, down, up } = board(MAC);
    down('x', 'KeyX');
    down('Meta', 'MetaLeft', { meta: true, location: 1 });
    up('Meta', 'MetaLeft', { location: 1 });
    expect(sent).toEqual(['+x', '+Control_L', '-Control_L', '-x']);
  });
  it('⌘ may stay the system key', () => {
    const { sent, down } = board({ ...MAC, commandIsControl: false });
    down('Meta', 'MetaLeft', { meta: true, location: 1 });
    expect(sent).toEqual(['+Super_L']);
  });
  it('Option makes characters, and is Alt for what is none', () => {
    const { sent, down, up } = board(MAC);
    down('Alt', 'AltLeft', { alt: true, location: 1 });
    down('[', 'Digit5', { alt: true });
    up('[', 'Digit5', { alt: true });
    down('ArrowLeft', 'ArrowLeft', { alt: true });
    up('ArrowLeft', 'ArrowLeft', { alt: true });
    up('Alt', 'AltLeft', { location: 1 });
    expect(sent).toEqual(['+[', '-[', '+Alt_L', '+Left', '-Left', '-Alt_L']);
  });
});

describe('whatever is pressed', () => {
  it.each([PLAIN, MAC, WINDOWS])('nothing stays down once all is up (%o)', (platform) => {
    const KEYS: [string, string, number][] = [['a', 'KeyA', 0], ['Shift', 'ShiftLeft', 1], ['Control', 'ControlLeft', 1], ['Alt', 'AltLeft', 1], ['AltGraph', 'AltRight', 2], ['Meta', 'MetaLeft', 1], ['ArrowUp', 'ArrowUp', 0], ['ж', 'Semicolon', 0], ['é', 'Digit2', 0]];
    for (let round = 0; round < 200; round += 1) {
      const held = new Set<number>();
      const keyboard = new Keyboard(platform, { key: (keysym, down) => { if (down) held.add(keysym); else held.delete(keysym); } });
      const isDown = new Set<number>();
      const flags = () => ({ ctrl: isDown.has(2), alt: isDown.has(3), shift: isDown.has(1), meta: isDown.has(5), altGraph: isDown.has(4) });
      let time_ms = 0;
      const send = (index: number, down: boolean, repeat = false): void => {
        if (down) isDown.add(index);
        else isDown.delete(index);
        const [text, code, location] = KEYS[index]!;
        time_ms += Math.floor(Math.random() * 80);
        const record: KeyRecord = { key: text, code, location, repeat, composing: false, time_ms, ...flags() };
        if (down) keyboard.down(record);
        else keyboard.up(record);
        if (Math.random() < 0.3) vi.advanceTimersByTime(60);
      };
      for (let step = 0; step < 40; step += 1) {
        const index = Math.floor(Math.random() * KEYS.length);
        send(index, !isDown.has(index) || Math.random() < 0.2, isDown.has(index));
      }
      for (const index of [...isDown]) send(index, false);
      vi.runAllTimers();
      expect([...held]).toEqual([]);
    }
  });
});

describe('an on-screen keyboard', () => {
  it.each([
    ['', 'a', 0, 'a'], ['hel', 'hell', 0, 'l'], ['helo', 'hello', 1, 'lo'], ['teh', 'the ', 2, 'he '], ['ab', '', 2, ''], ['a😀', 'a', 1, ''], ['same', 'same', 0, ''],
  ])('%j → %j', (before, after, backspaces, text) => expect(textChange(before, after)).toEqual({ backspaces, text }));
});
