/**
 * The fallback's one WebSocket, shared by two: its binary messages are RFB and go to noVNC, its text
 * messages are the agent's word beside the picture (docs/protocol.md) and go to us.
 */

import type { RfbChannel } from '@novnc/novnc';
import { CallError } from '../room';

export interface StreamHandlers {
  /** `topic` and message of the room, as far as the agent tells them here. */
  heard(topic: string, message: unknown): void;
  /** Comes once. */
  closed(code: number, reason: string): void;
}

const CALL_MS = 10_000;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class VncStream implements RfbChannel {
  onopen: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, Waiting>();
  #number = 0;

  constructor(url: string, ticket: string, on: StreamHandlers) {
    const socket = new WebSocket(url, [ticket]);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', (event) => {
      socket.send(JSON.stringify(['hello', 1]));
      this.onopen?.(event);
    });
    socket.addEventListener('message', (event) => {
      if (typeof event.data === 'string') this.#read(event.data, on);
      else this.onmessage?.(event);
    });
    socket.addEventListener('error', (event) => this.onerror?.(event));
    socket.addEventListener('close', (event) => {
      for (const call of this.#calls.values()) call.reject(new CallError(0, 'The connection was lost.'));
      this.#calls.clear();
      this.onclose?.(event);
      on.closed(event.code, event.reason);
    });
  }

  get binaryType(): BinaryType {
    return this.#socket.binaryType;
  }

  set binaryType(type: BinaryType) {
    this.#socket.binaryType = type;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  send(data: ArrayBufferLike | ArrayBufferView<ArrayBuffer> | string): void {
    this.#socket.send(data as ArrayBuffer);
  }

  close(): void {
    this.#socket.close();
  }

  /** Says that whoever has control is still there. */
  beat(): void {
    if (this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount === 0) this.#socket.send('["beat"]');
  }

  /** One request to the agent about control: its answer, or a CallError with words. */
  call(method: string, body: Record<string, unknown>): Promise<unknown> {
    const number = (this.#number += 1);
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(new CallError(0, 'There is no connection.'));
        return;
      }
      const timer = setTimeout(() => {
        this.#calls.delete(number);
        reject(new CallError(0, 'The session did not answer.'));
      }, CALL_MS);
      const done = (then: () => void): void => { clearTimeout(timer); then(); };
      this.#calls.set(number, { resolve: (value) => done(() => resolve(value)), reject: (error) => done(() => reject(error)) });
      this.#socket.send(JSON.stringify(['call', number, method, body]));
    });
  }

  #read(text: string, on: StreamHandlers): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (!Array.isArray(message)) return;
    const [topic, first, second, third] = message as unknown[];
    if (topic === 'answer' || topic === 'refused') {
      const call = this.#calls.get(Number(first));
      this.#calls.delete(Number(first));
      if (topic === 'answer') call?.resolve(second);
      else call?.reject(new CallError(Number(second), String(third)));
    } else if (typeof topic === 'string') on.heard(topic, first);
  }
}
