/** What this page knows of a browser session: tabs, questions, downloads. Pure. */

import { isObject } from '../types';

export interface Tab {
  id: string;
  title: string;
  /** The whole address for those who may steer, the host for everybody else. */
  url: string;
  active: boolean;
  loading: boolean;
  crashed: boolean;
  canBack: boolean;
  canForward: boolean;
}

export const PROMPT_KINDS = ['alert', 'confirm', 'prompt', 'beforeunload', 'file', 'auth', 'permission'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

export interface Prompt {
  id: string;
  kind: PromptKind;
  origin: string;
  text: string;
  default: string;
  multiple: boolean;
}

export interface Download {
  id: string;
  name: string;
  state: 'running' | 'done' | 'canceled' | 'refused';
  received: number;
  total: number;
}

export interface BrowserState {
  /** Is this a browser at all? */
  there: boolean;
  tabs: readonly Tab[];
  prompts: readonly Prompt[];
  downloads: readonly Download[];
}

export type BrowserEvent =
  | { type: 'attribute'; tabs: string | undefined }
  | { type: 'tabs'; tabs: readonly Tab[] }
  | { type: 'prompt'; prompt: Prompt }
  | { type: 'answered'; id: string }
  | { type: 'download'; download: Download }
  | { type: 'notice'; text: string }
  | { type: 'state'; tabs: readonly Tab[]; prompts: readonly Prompt[]; downloads: readonly Download[] }
  | { type: 'gone' };

export const noBrowser: BrowserState = { there: false, tabs: [], prompts: [], downloads: [] };
const MAX_DOWNLOADS = 20;

const text = (value: unknown, most = 8_192): string => (typeof value === 'string' ? value.slice(0, most) : '');
const size = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);

function toTab(value: unknown): Tab | null {
  if (!isObject(value) || !text(value['id'])) return null;
  return {
    id: text(value['id'], 64), title: text(value['title'], 200), url: text(value['url']),
    active: value['active'] === true, loading: value['loading'] === true, crashed: value['crashed'] === true,
    canBack: value['can_back'] === true, canForward: value['can_forward'] === true,
  };
}

function toPrompt(value: unknown): Prompt | null {
  if (!isObject(value) || !text(value['id'])) return null;
  const kind = PROMPT_KINDS.find((known) => known === value['kind']);
  if (!kind) return null;
  return { id: text(value['id'], 64), kind, origin: text(value['origin'], 300), text: text(value['text'], 2_000), default: text(value['default'], 2_000), multiple: value['multiple'] === true };
}

function toDownload(value: unknown): Download | null {
  if (!isObject(value) || !text(value['id'])) return null;
  const state = (['running', 'done', 'canceled', 'refused'] as const).find((known) => known === value['state']) ?? 'running';
  return { id: text(value['id'], 64), name: text(value['name'], 200) || 'download', state, received: size(value['received_bytes']), total: size(value['total_bytes']) };
}

const list = <T>(value: unknown, make: (item: unknown) => T | null): T[] => (Array.isArray(value) ? value.map(make).filter((item) => item !== null) : []);

/** A packet of topic `browser`; null for anything else: a bad one changes nothing. */
export function parseBrowser(payload: Uint8Array): BrowserEvent | null {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return null;
  }
  if (!Array.isArray(message)) return null;
  const [kind, value] = message as unknown[];
  if (kind === 'tabs') return { type: 'tabs', tabs: list(value, toTab) };
  if (kind === 'answered') return { type: 'answered', id: text(value, 64) };
  if (kind === 'notice') return { type: 'notice', text: text(value, 300) };
  if (kind === 'prompt') {
    const prompt = toPrompt(value);
    return prompt && { type: 'prompt', prompt };
  }
  if (kind === 'download') {
    const download = toDownload(value);
    return download && { type: 'download', download };
  }
  return null;
}

/** The answer to `browser.state`. */
export function toStateEvent(value: unknown): BrowserEvent {
  const body = isObject(value) ? value : {};
  return { type: 'state', tabs: list(body['tabs'], toTab), prompts: list(body['prompts'], toPrompt), downloads: list(body['downloads'], toDownload) };
}

/** The attribute that everybody sees: `[id, title, host, active, loading, crashed]` of each tab. */
function fromAttribute(attribute: string): Tab[] {
  try {
    return list(JSON.parse(attribute), (row) => (Array.isArray(row)
      ? toTab({ id: row[0], title: row[1], url: row[2], active: row[3], loading: row[4], crashed: row[5] })
      : null));
  } catch {
    return [];
  }
}

/** The attribute is newer in who is there and shown; a message before it knew the whole address. */
function merged(now: Tab[], before: readonly Tab[]): Tab[] {
  return now.map((tab) => {
    const known = before.find((other) => other.id === tab.id);
    const same = known && (known.url === tab.url || hostOf(known.url) === tab.url);
    return same ? { ...tab, url: known.url, canBack: known.canBack, canForward: known.canForward } : tab;
  });
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return '';
  }
}

/** What an address bar shows: a blank page, or one made of data, has no address that says anything. */
export function shownAddress(url: string): string {
  return /^(about:blank|data:|blob:|chrome-error:)/.test(url) ? '' : url;
}

export function browse(state: BrowserState, event: BrowserEvent): BrowserState {
  switch (event.type) {
    case 'attribute':
      if (event.tabs === undefined) return state.there ? noBrowser : state;
      return { ...state, there: true, tabs: merged(fromAttribute(event.tabs), state.tabs) };
    case 'tabs':
      return { ...state, there: true, tabs: event.tabs };
    case 'prompt':
      return { ...state, prompts: [...state.prompts.filter((prompt) => prompt.id !== event.prompt.id), event.prompt] };
    case 'answered':
      return { ...state, prompts: state.prompts.filter((prompt) => prompt.id !== event.id) };
    case 'download':
      return { ...state, downloads: [...state.downloads.filter((known) => known.id !== event.download.id), event.download].slice(-MAX_DOWNLOADS) };
    case 'state':
      return { there: true, tabs: event.tabs, prompts: event.prompts, downloads: event.downloads };
    case 'gone':
      return { ...state, prompts: [] };
    case 'notice':
      return state;
  }
}

export function readableSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
