// Runs in an isolated world of every frame: tells the agent of the pointer's shape and place, of a
// password field with the focus, and of what is copied. The page cannot see or call it.
(() => {
  if (globalThis.sessioncastInstalled) return;
  globalThis.sessioncastInstalled = true;
  const tell = (...message) => { try { sessioncastTell(JSON.stringify(message)); } catch { /* the agent is gone */ } };
  const top = window === window.top;
  const MAX_CLIP = 1_000_000;

  // -- the pointer
  let shape = '', lastX = -1, lastY = -1;
  const overText = (x, y) => {
    const caret = document.caretPositionFromPoint?.(x, y);
    const node = caret?.offsetNode;
    if (!node || node.nodeType !== Node.TEXT_NODE || !node.parentElement) return false;
    if (getComputedStyle(node.parentElement).userSelect === 'none') return false;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) return true;
    return false;
  };
  const shapeAt = (event) => {
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return 'default';
    const style = getComputedStyle(target).cursor;
    const name = style.slice(style.lastIndexOf(',') + 1).trim();
    if (name !== 'auto') return name;
    if (target.isContentEditable || target.matches('textarea, input:not([type=button],[type=submit],[type=reset],[type=checkbox],[type=radio],[type=range],[type=color],[type=file],[type=image])')) return 'text';
    return overText(event.clientX, event.clientY) ? 'text' : 'default';
  };
  const moved = (event) => {
    const now = shapeAt(event);
    const x = Math.round(event.clientX), y = Math.round(event.clientY);
    if (now === shape && (!top || (x === lastX && y === lastY))) return;
    shape = now; lastX = x; lastY = y;
    tell('pointer', now, top ? x : null, top ? y : null);
  };
  for (const type of ['mousemove', 'mouseover']) window.addEventListener(type, moved, { capture: true, passive: true });
  // Another frame may have changed the shape meanwhile.
  window.addEventListener('mouseout', (event) => { if (!event.relatedTarget || event.relatedTarget.tagName === 'IFRAME') shape = ''; }, { capture: true, passive: true });

  // -- a password field with the focus
  let secret = false;
  const focused = (event) => {
    const target = event.composedPath()[0];
    const now = event.type === 'focusin' && target instanceof HTMLInputElement && (target.type === 'password' || /(^|\s)(current|new)-password|one-time-code/.test(target.autocomplete));
    if (now !== secret) tell('secret', secret = now);
  };
  for (const type of ['focusin', 'focusout']) window.addEventListener(type, focused, { capture: true, passive: true });
  const present = document.activeElement;
  if (present instanceof HTMLInputElement && present.type === 'password') tell('secret', secret = true);

  // -- what is copied
  const selected = () => {
    const field = document.activeElement;
    if (field instanceof HTMLTextAreaElement || (field instanceof HTMLInputElement && field.type !== 'password')) {
      return field.selectionStart === null ? '' : field.value.slice(field.selectionStart, field.selectionEnd);
    }
    return String(getSelection() ?? '');
  };
  let setting = null; // what the agent puts on the clipboard just now
  let before = '', told = true;
  const copying = (event) => {
    if (!event.isTrusted) return;
    if (setting !== null) {
      event.clipboardData.setData('text/plain', setting);
      event.preventDefault();
      event.stopImmediatePropagation();
      setting = null;
      return;
    }
    before = selected(); // a cut has removed it by the time that the page's own handlers are done
    told = false;
    setTimeout(() => tellCopied(before), 0); // for a page that stops the event on its way
  };
  const tellCopied = (text) => {
    if (told) return;
    told = true;
    if (text && text.length <= MAX_CLIP) tell('copied', text);
  };
  for (const type of ['copy', 'cut']) {
    window.addEventListener(type, copying, { capture: true });
    window.addEventListener(type, (event) => { if (event.isTrusted) tellCopied(event.defaultPrevented ? event.clipboardData.getData('text/plain') : before); });
  }
  globalThis.sessioncastSet = (text) => {
    setting = text;
    const done = document.execCommand('copy') && setting === null;
    setting = null;
    return done;
  };

  // -- brought to the front by somebody else at the browser; and the title
  if (top) {
    document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') tell('visible'); });
    let title = null;
    const read = () => { if (document.title !== title) tell('title', title = document.title.slice(0, 500)); };
    const watch = () => { read(); if (document.head) new MutationObserver(read).observe(document.head, { subtree: true, childList: true, characterData: true }); };
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', watch, { once: true });
    else watch();
    window.addEventListener('load', read);
    window.addEventListener('pageshow', (event) => { if (event.persisted) { title = null; read(); } });
  }

  // -- what the page's own world asks us (see shim.js)
  window.addEventListener('@EVENT@', (event) => {
    event.stopImmediatePropagation();
    const detail = event.detail;
    if (typeof detail !== 'string' || detail.length > MAX_CLIP + 100) return;
    let message;
    try { message = JSON.parse(detail); } catch { return; }
    if (message[0] === 'wrote' && typeof message[1] === 'string') tell('copied', message[1]);
    if (message[0] === 'ask' && typeof message[1] === 'string' && typeof message[2] === 'string') tell('ask', message[1].slice(0, 40), message[2].slice(0, 40));
  }, { capture: true });
  globalThis.sessioncastAnswer = (id, granted) => window.dispatchEvent(new CustomEvent('@EVENT@-answer', { detail: JSON.stringify([id, granted]) }));
})();
