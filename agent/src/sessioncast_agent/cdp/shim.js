// Runs in the page's own world: what would ask the user something that nobody could see or answer
// (a permission) waits for the operator instead; copying by script is told as copying by key is.
(() => {
  const EVENT = '@EVENT@';
  const waiting = new Map();
  let last = 0;
  const say = (...message) => window.dispatchEvent(new CustomEvent(EVENT, { detail: JSON.stringify(message) }));
  window.addEventListener(`${EVENT}-answer`, (event) => {
    event.stopImmediatePropagation();
    let id, granted;
    try { [id, granted] = JSON.parse(event.detail); } catch { return; }
    waiting.get(id)?.(granted === true);
    waiting.delete(id);
  }, { capture: true });
  const ask = async (name) => {
    try {
      const state = (await navigator.permissions.query({ name })).state;
      if (state !== 'prompt') return;
    } catch { /* a name that this browser does not know: ask */ }
    await new Promise((resolve) => {
      const id = String(++last);
      waiting.set(id, resolve);
      say('ask', id, name);
    });
  };
  const wrap = (owner, method, names) => {
    const original = owner?.[method];
    if (typeof original !== 'function') return;
    const wrapped = new Proxy(original, {
      apply(target, self, args) {
        const wanted = names(args);
        return (async () => {
          for (const name of wanted) await ask(name);
          return Reflect.apply(target, self, args);
        })();
      },
    });
    try { Object.defineProperty(owner, method, { value: wrapped, writable: true, configurable: true }); } catch { /* the page was first */ }
  };
  wrap(globalThis.Notification, 'requestPermission', () => ['notifications']);
  wrap(globalThis.MediaDevices?.prototype, 'getUserMedia', ([wanted]) => [wanted?.video && 'camera', wanted?.audio && 'microphone'].filter(Boolean));
  wrap(globalThis.Clipboard?.prototype, 'readText', () => ['clipboard-read']);
  wrap(globalThis.Clipboard?.prototype, 'read', () => ['clipboard-read']);
  wrap(globalThis.Navigator?.prototype, 'requestMIDIAccess', () => ['midi']);
  for (const method of ['getCurrentPosition', 'watchPosition']) {
    const original = globalThis.Geolocation?.prototype?.[method];
    if (typeof original !== 'function') continue;
    // These give nothing, or a number, at once, so only the call behind them waits.
    const real = new Map();
    let watches = 1_000_000;
    Geolocation.prototype[method] = new Proxy(original, {
      apply(target, self, args) {
        const number = (watches += 1);
        real.set(number, null);
        void ask('geolocation').then(() => { if (real.has(number)) real.set(number, Reflect.apply(target, self, args)); });
        return method === 'watchPosition' ? number : undefined;
      },
    });
    if (method !== 'watchPosition') continue;
    Geolocation.prototype.clearWatch = new Proxy(Geolocation.prototype.clearWatch, {
      apply(target, self, [number]) {
        const its = real.get(number);
        real.delete(number);
        if (typeof its === 'number') Reflect.apply(target, self, [its]);
      },
    });
  }
  const write = globalThis.Clipboard?.prototype?.writeText;
  if (typeof write === 'function') {
    Clipboard.prototype.writeText = new Proxy(write, {
      apply(target, self, args) {
        const done = Reflect.apply(target, self, args);
        void done.then(() => say('wrote', String(args[0])), () => undefined);
        return done;
      },
    });
  }
})();
