/**
 * KeyboardEvent → X keysym. Printable characters follow X's own rule (Latin-1 as it is, every other as
 * 0x01000000 + code point); what has a name is in the tables below. Pure.
 */

export interface KeyLike {
  key: string;
  code: string;
  /** KeyboardEvent.location: 0 standard, 1 left, 2 right, 3 numeric pad. */
  location: number;
}

export const XK = {
  BackSpace: 0xff08, Tab: 0xff09, Return: 0xff0d, Escape: 0xff1b, Delete: 0xffff, Insert: 0xff63,
  Home: 0xff50, Left: 0xff51, Up: 0xff52, Right: 0xff53, Down: 0xff54, Page_Up: 0xff55, Page_Down: 0xff56, End: 0xff57,
  Shift_L: 0xffe1, Shift_R: 0xffe2, Control_L: 0xffe3, Control_R: 0xffe4, Caps_Lock: 0xffe5,
  Alt_L: 0xffe9, Alt_R: 0xffea, Super_L: 0xffeb, Super_R: 0xffec, Level3_Shift: 0xfe03,
  Num_Lock: 0xff7f, Print: 0xff61, Menu: 0xff67, F1: 0xffbe, F4: 0xffc1,
} as const;

const NAMED: Readonly<Record<string, number>> = {
  Backspace: XK.BackSpace, Tab: XK.Tab, Clear: 0xff0b, Enter: XK.Return, Pause: 0xff13, ScrollLock: 0xff14, Escape: XK.Escape,
  Delete: XK.Delete, Insert: XK.Insert, Home: XK.Home, End: XK.End, PageUp: XK.Page_Up, PageDown: XK.Page_Down,
  ArrowLeft: XK.Left, ArrowUp: XK.Up, ArrowRight: XK.Right, ArrowDown: XK.Down,
  Select: 0xff60, PrintScreen: XK.Print, Execute: 0xff62, Undo: 0xff65, Redo: 0xff66, ContextMenu: XK.Menu, Find: 0xff68, Cancel: 0xff69, Help: 0xff6a, Attn: 0xfd0e,
  NumLock: XK.Num_Lock, CapsLock: XK.Caps_Lock, AltGraph: XK.Level3_Shift,
  // Input methods' keys
  Compose: 0xff20, KanjiMode: 0xff21, NonConvert: 0xff22, Convert: 0xff23, Romaji: 0xff24, Hiragana: 0xff25, Katakana: 0xff26, HiraganaKatakana: 0xff27,
  Zenkaku: 0xff28, Hankaku: 0xff29, ZenkakuHankaku: 0xff2a, Eisu: 0xff2f, HangulMode: 0xff31, HanjaMode: 0xff34, ModeChange: 0xff7e,
  // Media and browser keys (XF86)
  BrightnessUp: 0x1008ff02, BrightnessDown: 0x1008ff03, AudioVolumeDown: 0x1008ff11, AudioVolumeMute: 0x1008ff12, AudioVolumeUp: 0x1008ff13,
  MediaPlayPause: 0x1008ff14, MediaPlay: 0x1008ff14, MediaStop: 0x1008ff15, MediaTrackPrevious: 0x1008ff16, MediaTrackNext: 0x1008ff17, MediaPause: 0x1008ff31,
  BrowserHome: 0x1008ff18, LaunchMail: 0x1008ff19, BrowserSearch: 0x1008ff1b, BrowserBack: 0x1008ff26, BrowserForward: 0x1008ff27, BrowserRefresh: 0x1008ff29,
  BrowserFavorites: 0x1008ff30, Eject: 0x1008ff2c, Sleep: 0x1008ff2f, WakeUp: 0x1008ff2b, Copy: 0x1008ff57, Cut: 0x1008ff58, Paste: 0x1008ff6d,
};

const SIDED: Readonly<Record<string, readonly [left: number, right: number]>> = {
  Shift: [XK.Shift_L, XK.Shift_R],
  Control: [XK.Control_L, XK.Control_R],
  Alt: [XK.Alt_L, XK.Alt_R],
  Meta: [XK.Super_L, XK.Super_R],
  OS: [XK.Super_L, XK.Super_R],
  Super: [XK.Super_L, XK.Super_R],
  Hyper: [0xffed, 0xffee],
};

/** With Num Lock off the pad moves the cursor, with keysyms of its own. */
const PAD: Readonly<Record<string, number>> = {
  Enter: 0xff8d, Home: 0xff95, ArrowLeft: 0xff96, ArrowUp: 0xff97, ArrowRight: 0xff98, ArrowDown: 0xff99, PageUp: 0xff9a, PageDown: 0xff9b,
  End: 0xff9c, Clear: 0xff9d, Insert: 0xff9e, Delete: 0xff9f, '=': 0xffbd, '*': 0xffaa, '+': 0xffab, '-': 0xffad, '/': 0xffaf, Tab: 0xff89, ' ': 0xff80,
};
const PAD_0 = 0xffb0;
const PAD_DECIMAL = 0xffae;

/** Not a character of its own: an accent that waits, an input method at work, or nothing known. */
const SILENT: ReadonlySet<string> = new Set(['', 'Dead', 'Process', 'Unidentified', 'Fn', 'FnLock', 'Symbol', 'SymbolLock', 'Standby', 'Power']);

/** `key` is anybody's text: only the tables' own names count. */
const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

export function fromCodePoint(codePoint: number): number | null {
  if (codePoint === 0x0a || codePoint === 0x0d) return XK.Return;
  if (codePoint === 0x09) return XK.Tab;
  if (codePoint === 0x08) return XK.BackSpace;
  if (codePoint === 0x1b) return XK.Escape;
  if (codePoint === 0x7f) return XK.Delete;
  if (codePoint < 0x20 || (codePoint > 0x7f && codePoint < 0xa0) || (codePoint >= 0xd800 && codePoint <= 0xdfff) || codePoint > 0x10ffff) return null;
  return codePoint <= 0xff ? codePoint : 0x0100_0000 + codePoint;
}

/** Exactly one character, as people count them. */
export const isCharacter = (key: string): boolean => [...key].length === 1;

export function keysymOf({ key, code, location }: KeyLike): number | null {
  if (SILENT.has(key)) return null;
  if (location === 3) {
    // Some layouts type a comma there; both are the pad's decimal key.
    if (code === 'NumpadDecimal' && (key === '.' || key === ',')) return PAD_DECIMAL;
    if (/^[0-9]$/.test(key)) return PAD_0 + Number(key);
    const pad = own(PAD, key);
    if (pad !== undefined) return pad;
  }
  const sided = own(SIDED, key);
  if (sided) return sided[location === 2 || code.endsWith('Right') ? 1 : 0];
  const named = own(NAMED, key);
  if (named !== undefined) return named;
  const functionKey = /^F([1-9]|[12][0-9]|3[0-5])$/.exec(key);
  if (functionKey) return XK.F1 + Number(functionKey[1]) - 1;
  return isCharacter(key) ? fromCodePoint(key.codePointAt(0)!) : null;
}

/** The Latin character on this key, for Ctrl, Alt and Super with a layout that has none (Ctrl+С is meant as Ctrl+C). */
export function latinOf(code: string): number | null {
  const match = /^(?:Key([A-Z])|Digit([0-9]))$/.exec(code);
  if (!match) return null;
  return (match[1]?.toLowerCase() ?? match[2]!).charCodeAt(0);
}
