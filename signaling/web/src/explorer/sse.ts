/** Server-sent events over fetch (EventSource can send no bearer): the bytes' rules, pure. */

export interface ServerEvent {
  type: string;
  data: string;
  id: string;
}

/** Takes text as it comes and gives whole events (WHATWG HTML, 9.2.6). */
export class EventParser {
  #rest = '';
  #type = '';
  #data: string[] = [];
  #id = '';

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length) events.push({ type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id });
        this.#type = '';
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') this.#data.push(value);
      else if (field === 'event') this.#type = value;
      else if (field === 'id') this.#id = value;
    }
    return events;
  }
}
