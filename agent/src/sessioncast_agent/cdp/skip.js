// Run once in the page's own world, when its animation is to leave out one turn (see drain.py): what
// asks for the next turn within this one gets the one after it, as when a frame is dropped.
(() => {
  const request = window.requestAnimationFrame, cancel = window.cancelAnimationFrame;
  const moved = new Map(); // the number that the page knows, and the one that it has become
  let skipping = true;
  const later = new Proxy(request, {
    apply(target, self, args) {
      if (!skipping || typeof args[0] !== 'function') return Reflect.apply(target, self, args);
      const number = Reflect.apply(target, self, [() => moved.set(number, Reflect.apply(target, self, args))]);
      return number;
    },
  });
  const forget = new Proxy(cancel, {
    apply(target, self, args) {
      if (moved.has(args[0])) Reflect.apply(target, self, [moved.get(args[0])]);
      return Reflect.apply(target, self, args);
    },
  });
  window.requestAnimationFrame = later;
  window.cancelAnimationFrame = forget;
  request.call(window, () => {
    skipping = false;
    if (window.requestAnimationFrame === later) window.requestAnimationFrame = request;
    request.call(window, () => request.call(window, () => {
      if (window.cancelAnimationFrame === forget) window.cancelAnimationFrame = cancel;
    }));
  });
})();
