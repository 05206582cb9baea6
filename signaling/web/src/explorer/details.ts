/** One session's details: who is there, what it costs, which links lead to it. */

import { ApiError, joinLinks, participants, removeParticipant, revokeLink, usage, type Caller, type Usage } from '../api';
import type { LinkInfo, Participant, SessionInfo } from '../types';
import { button, toast } from '../ui/controls';
import { confirm, openDialog } from '../ui/dialog';
import { h } from '../ui/dom';
import { cores, coresWords } from './costs';
import { STATE_WORDS, age } from './filter';

const words = (error: unknown): string => (error instanceof ApiError ? error.message : 'That did not work. Please try again.');

export function openDetails(session: SessionInfo, caller: Caller): void {
  const size = session.size_px ? `${session.size_px[0]} × ${session.size_px[1]}` : 'not known yet';
  const labels = Object.entries(session.labels).map(([key, value]) => `${key}=${value}`).join(', ');
  const facts = h('dl', { class: 'facts' },
    ...pair('State', STATE_WORDS[session.state]), ...pair('Kind', session.kind === 'browser' ? 'Browser' : 'Desktop'), ...pair('Screen', size),
    ...pair('Made', age(session.created_at, Date.now()) || 'not known'), ...(labels ? pair('Labels', labels) : []),
    ...pair('Control', session.control ? `${session.control} has control` : 'Free'));
  const people = section('People');
  const cost = section('Usage');
  const links = section('Links');
  openDialog(session.session, facts, people.element, cost.element, links.element);
  if (session.state === 'ended') people.say('Nobody: the session is over.');
  else void showPeople();
  void usage(session.session, caller).then((measured) => cost.fill(...usageRows(measured)), (error: unknown) => cost.say(words(error)));
  void showLinks();

  async function showPeople(): Promise<void> {
    try {
      const found = await participants(session.session, caller);
      if (found.length === 0) return people.say('Nobody is watching.');
      people.fill(h('ul', { class: 'rows' }, ...found.map(person)));
    } catch (error) {
      people.say(words(error));
    }
  }

  function person(who: Participant): HTMLElement {
    const remove = button({ label: `Remove ${who.name}`, icon: 'close', class: 'quiet', onClick: async () => {
      if (!(await confirm(`Remove ${who.name}?`, 'They are disconnected and kept out: their link or key lets them into this session no more.', 'Remove'))) return;
      try {
        await removeParticipant(session.session, who.identity, caller);
        toast(`${who.name} was removed`);
      } catch (error) {
        toast(words(error));
      }
      void showPeople();
    } });
    const holds = session.control === who.name || session.control === who.identity ? ' · has control' : '';
    return h('li', {}, h('span', { class: 'row-main' }, h('span', { text: who.name }), h('small', { text: `${who.role}${who.ai ? ' · AI agent' : ''}${holds}` })), remove);
  }

  async function showLinks(): Promise<void> {
    try {
      const found = (await joinLinks(session.session, caller)).filter((link) => link.uses < link.max_uses && Date.parse(link.expires_at) > Date.now());
      if (found.length === 0) return links.say('No link is open.');
      links.fill(h('ul', { class: 'rows' }, ...found.map(link)));
    } catch (error) {
      links.say(words(error));
    }
  }

  function link(info: LinkInfo): HTMLElement {
    const revoke = button({ label: `Revoke the link ${info.name || info.id}`, icon: 'close', class: 'quiet', onClick: async () => {
      try {
        await revokeLink(session.session, info.id, caller);
        toast('The link is revoked');
      } catch (error) {
        toast(words(error));
      }
      void showLinks();
    } });
    return h('li', {}, h('span', { class: 'row-main' }, h('span', { text: info.name || info.id }), h('small', { text: `${info.role} · used ${info.uses} of ${info.max_uses} · ${until(info.expires_at)}` })), revoke);
  }
}

function pair(name: string, value: string): HTMLElement[] {
  return [h('dt', { text: name }), h('dd', { text: value })];
}

function section(title: string): { element: HTMLElement; fill(...children: Node[]): void; say(text: string): void } {
  const body = h('div', { attrs: { 'aria-live': 'polite' } }, h('p', { class: 'help', text: 'Asking…' }));
  return {
    element: h('section', { class: 'rows', attrs: { 'aria-label': title } }, h('h3', { class: 'section-title', text: title }), body),
    fill: (...children) => body.replaceChildren(...children),
    say: (text) => body.replaceChildren(h('p', { class: 'help', text })),
  };
}

function until(expires_at: string): string {
  const left_s = (Date.parse(expires_at) - Date.now()) / 1000;
  if (!Number.isFinite(left_s)) return 'no end known';
  if (left_s < 3_600) return `${Math.max(1, Math.round(left_s / 60))} min left`;
  return left_s < 172_800 ? `${Math.round(left_s / 3_600)} h left` : `${Math.round(left_s / 86_400)} d left`;
}

function usageRows(measured: Usage): Node[] {
  const value = cores(null, measured);
  const most_s = Math.max(0.001, ...measured.stages.map(([, seconds]) => seconds));
  const stages = [...measured.stages].sort(([, a], [, b]) => b - a).filter(([, seconds]) => seconds > 0);
  return [
    h('dl', { class: 'facts' },
      ...pair('Running', `${duration(measured.uptime_s)}, watched ${duration(measured.watched_s)}`),
      ...pair('Processor', `${duration(measured.process_s)}${value === null ? '' : ` (${coresWords(value)} on average)`}`),
      ...pair('Sent', bytes(measured.bytes_sent)), ...pair('Memory', bytes(measured.rss_bytes))),
    h('ul', { class: 'stages', attrs: { 'aria-label': 'Processor seconds by stage' } }, ...stages.map(([stage, seconds]) => {
      const bar = h('span', {});
      bar.style.width = `${(seconds / most_s) * 100}%`;
      return h('li', {}, h('span', { text: stage }), h('span', { class: 'stage-bar', attrs: { 'aria-hidden': 'true' } }, bar), h('span', { text: `${seconds.toFixed(1)} s` }));
    })),
  ];
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
