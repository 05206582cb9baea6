/** What the list of people says of control, and what may be done about it there. */

import * as api from '../api';
import { ApiError } from '../api';
import { bearerFor } from '../grants';
import type { Person } from '../room';
import { button, toast } from '../ui/controls';
import { confirm } from '../ui/dialog';
import type { Row } from '../viewer/people';
import { holds, type Control } from './state';

export interface PeopleActions {
  give(identity: string): void;
  take(): void;
}

const ROLE_WORDS: Readonly<Record<string, string>> = { observer: 'watching', operator: 'may control', admin: 'may control, admin' };

export function peopleRow(session: string, control: Control, person: Person, on: PeopleActions): Row {
  const role = person.attributes['role'] ?? '';
  const ai = person.attributes['actor'] === 'ai';
  const holder = control.holder?.identity === person.identity;
  const asks = control.asks.some((ask) => ask.identity === person.identity);
  const admin = control.role === 'admin';
  const actions: HTMLElement[] = [];
  const able = role === 'operator' || role === 'admin';
  if (!person.self && !holder && able && (holds(control) || admin)) {
    actions.push(button({ label: `Give control to ${person.name}`, text: 'Give control', class: 'small', onClick: () => on.give(person.identity) }));
  }
  if (person.self && admin && control.holder && !holder) actions.push(button({ label: 'Take control', text: 'Take control', class: 'small', onClick: on.take }));
  if (!person.self && admin) actions.push(button({ label: `Remove ${person.name}`, icon: 'remove', class: 'quiet small', onClick: () => void remove(session, person) }));
  const words = [ai ? 'AI' : '', holder ? 'has control' : asks ? 'asks for control' : (ROLE_WORDS[role] ?? '')].filter(Boolean).join(', ');
  return { ringed: holder, detail: words, actions };
}

async function remove(session: string, person: Person): Promise<void> {
  const sure = await confirm(`Remove ${person.name}?`, 'They leave the session at once and cannot come back with the same link.', 'Remove');
  if (!sure) return;
  try {
    await api.removeParticipant(session, person.identity, { bearer: bearerFor(session) });
    toast(`${person.name} was removed`);
  } catch (error) {
    toast(error instanceof ApiError ? error.message : 'That did not work.');
  }
}
