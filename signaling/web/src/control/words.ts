/** The state of control in words, for the button, its tool tip and screen readers. Pure. */

import { holderName, mayRequest, stance, type Control } from './state';

export interface Words {
  /** On the button. */
  label: string;
  /** On the button of a narrow window. */
  short: string;
  tip: string;
  /** What a click does; null: nothing. */
  does: 'request' | 'cancel' | 'release' | null;
  /** Said when it changes. */
  spoken: string;
}

export function words(control: Control): Words {
  const name = holderName(control);
  const may = mayRequest(control);
  switch (stance(control)) {
    case 'unknown':
      return { label: 'Control', short: 'Control', tip: 'Not connected yet', does: null, spoken: '' };
    case 'yours':
      return { label: 'You have control', short: 'In control', tip: 'Your mouse and keyboard act in the session. Click to give control back', does: 'release', spoken: 'You have control. Ctrl, Alt and Shift together leave the session’s keyboard.' };
    case 'requested':
      return { label: name ? `Asked ${name}…` : 'Asked…', short: 'Asked…', tip: 'Waiting for an answer. Click to take the request back', does: 'cancel', spoken: name ? `${name} was asked for control` : 'Control was asked for' };
    case 'others':
      return may
        ? { label: `${name} has control`, short: name, tip: control.role === 'admin' ? `Ask ${name} for control, or take it in the list of people` : `Ask ${name} for control`, does: 'request', spoken: `${name} has control` }
        : { label: `${name} has control`, short: name, tip: 'You are watching', does: null, spoken: `${name} has control` };
    case 'free':
      return may
        ? { label: control.role === 'observer' ? 'Ask for control' : 'Take control', short: control.role === 'observer' ? 'Ask' : 'Control', tip: control.mode === 'implicit' ? 'Nobody has control; whoever acts first takes it' : 'Nobody has control', does: 'request', spoken: 'Nobody has control' }
        : { label: 'Watching', short: 'Watching', tip: 'Nobody has control. Your link lets you watch', does: null, spoken: 'Nobody has control' };
  }
}
