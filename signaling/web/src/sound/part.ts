/** Sound on the viewer's page: the hint on the picture, captions, and three buttons of the bar. */

import '../css/sound.css';
import { holds } from '../control/state';
import { keepPreference, preference } from '../grants';
import type { RoomLink } from '../room';
import { button, toast } from '../ui/controls';
import { h, setAttr } from '../ui/dom';
import { icon, type IconName } from '../ui/icons';
import type { Host, Part } from '../viewer/part';
import { delayWorker } from '../worker';
import { captionLine, toCaption } from './captions';
import { MicrophoneControl } from './microphone';
import { LipSync } from './lipsync';
import { Player } from './player';
import { soundHint, type SoundEvent, type SoundState } from './state';

const VOLUME = 'volume';
const MUTED = 'muted';
const CAPTIONS = 'captions-off';
/** Held for longer than this the microphone's button is push-to-talk, else a switch. */
const HOLD_MS = 350;

export function soundPart(host: Host): Part {
  const { cleanup } = host;
  const dispatch = (event: SoundEvent): void => host.tell({ type: 'sound', event });
  let room: RoomLink | null = null;
  const player = new Player({ blocked: () => dispatch({ kind: 'blocked' }), playing: () => dispatch({ kind: 'playing' }) });
  const lips = new LipSync({
    makeWorker: delayWorker,
    show(media) {
      host.picture.hold();
      host.picture.show(media);
    },
    delayed(delay_ms) {
      host.viewer.dataset['pictureDelay'] = String(delay_ms);
      host.stats.setDelay(delay_ms);
    },
  });
  const captions = captionLine();
  const hear = button({ label: 'Click to hear the session', text: 'Click to hear the session', icon: 'sound', class: 'hear', onClick: () => void player.play() });
  const layer = h('div', { class: 'sound-layer' }, hear, captions.element);

  let sound: SoundState | null = null;
  let heldSince_ms = 0;
  let pressed = false;

  const mute = button({ label: 'Mute', icon: 'sound', onClick: toggleMute });
  const volume = h('input', { class: 'volume', attrs: { type: 'range', min: 0, max: 100, step: 1, 'aria-label': 'Volume' } });
  const slider = h('span', { class: 'sound-group' }, mute, volume);
  const ring = h('span', { class: 'level-ring', attrs: { 'aria-hidden': 'true' } });
  const microphone = button({ label: 'Microphone', icon: 'microphone' });
  microphone.classList.add('microphone');
  microphone.append(ring);
  const subtitles = button({ label: 'Captions', icon: 'captions', onClick: toggleCaptions });
  host.bar.add('sound', slider);
  host.bar.add('sound', microphone);
  host.bar.add('sound', subtitles, () => ({ label: 'Captions', icon: 'captions', checked: host.state().sound.captions, run: toggleCaptions }));
  host.panel.append(layer);

  const mic = new MicrophoneControl({
    changed(state) {
      dispatch({ kind: 'microphone', microphone: state });
      if (state.phase === 'failed') toast(state.why);
    },
    level: (level) => ring.style.setProperty('--level', level.toFixed(2)),
    async publish(track) {
      if (!room) throw new Error('there is no connection');
      await room.publishMicrophone(track);
    },
  });

  function toggleMute(): void {
    if (sound?.phase === 'blocked') void player.play();
    const muted = sound?.phase === 'blocked' ? false : !sound?.muted;
    keepPreference(MUTED, muted ? 'on' : null);
    dispatch({ kind: 'muted', muted });
  }

  function toggleCaptions(): void {
    const on = !host.state().sound.captions;
    keepPreference(CAPTIONS, on ? null : 'on');
    dispatch({ kind: 'captions', on });
  }

  /** Down: speak. Up after a moment: stop again (push to talk); up at once: it was a switch. */
  function down(): void {
    if (pressed) return;
    pressed = true;
    heldSince_ms = performance.now();
    if (!mic.open) void mic.start();
    else if (sound?.microphone.phase === 'on' && sound.microphone.muted) mic.setMuted(false);
    else heldSince_ms = -1;
  }
  function up(): void {
    if (!pressed) return;
    pressed = false;
    const wasOn = heldSince_ms < 0;
    if (wasOn || performance.now() - heldSince_ms > HOLD_MS) mic.setMuted(true);
  }
  cleanup.listen(microphone, 'pointerdown', (event) => {
    if (event.button !== 0) return;
    microphone.setPointerCapture(event.pointerId);
    down();
  });
  cleanup.listen(microphone, 'pointerup', up);
  cleanup.listen(microphone, 'pointercancel', up);
  cleanup.listen(microphone, 'keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  cleanup.listen(microphone, 'keyup', (event) => { if (event.key === ' ' || event.key === 'Enter') up(); });
  cleanup.listen(microphone, 'blur', up);
  // Screen readers click without pressing.
  cleanup.listen(microphone, 'click', (event) => { if (event.detail === 0 && !pressed) { down(); up(); } });
  cleanup.listen(microphone, 'contextmenu', (event) => { event.preventDefault(); void mic.stop(); });

  cleanup.listen(volume, 'input', () => {
    keepPreference(VOLUME, volume.value);
    dispatch({ kind: 'volume', volume: Number(volume.value) / 100 });
    void player.play();
  });
  // Any gesture lets sound through; the one on the hint is only the most obvious.
  for (const type of ['pointerdown', 'keydown'] as const) {
    cleanup.listen(document, type, () => { if (sound?.phase === 'blocked') void player.play(); }, { passive: true });
  }

  function setButton(element: HTMLButtonElement, label: string, name: IconName, on: boolean | null): void {
    if (element.getAttribute('aria-label') !== label) {
      element.setAttribute('aria-label', label);
      element.dataset['tip'] = label;
    }
    if (element.dataset['icon'] !== name) {
      element.dataset['icon'] = name;
      element.querySelector('.icon')?.replaceWith(icon(name));
    }
    setAttr(element, 'aria-pressed', on === null ? null : String(on));
  }

  const savedVolume = Number(preference(VOLUME) ?? '100');
  dispatch({ kind: 'volume', volume: Number.isFinite(savedVolume) ? savedVolume / 100 : 1 });
  if (preference(MUTED) === 'on') dispatch({ kind: 'muted', muted: true });
  if (preference(CAPTIONS) === 'on') dispatch({ kind: 'captions', on: false });

  function render(): void {
    const state = host.state();
    sound = state.sound;
    player.setVolume(sound.volume, sound.muted);
    captions.setOn(sound.captions);
    hear.hidden = soundHint(sound) === null;
    const off = sound.muted || sound.phase === 'blocked';
    setButton(mute, off ? 'Sound on' : 'Mute', off ? 'muted' : 'sound', null);
    mute.disabled = sound.phase === 'none';
    volume.disabled = sound.phase === 'none';
    lips.want(sound.phase === 'playing' && !sound.muted && !holds(state.control));
    const percent = String(Math.round((sound.muted ? 0 : sound.volume) * 100));
    if (volume.value !== percent) volume.value = percent;
    setButton(subtitles, sound.captions ? 'Hide captions' : 'Show captions', 'captions', sound.captions);
    const may = state.control.role === 'operator' || state.control.role === 'admin';
    microphone.hidden = !may || !sound.listens;
    const voice = sound.microphone;
    const speaking = voice.phase === 'on' && !voice.muted;
    setButton(microphone, microphoneLabel(voice), speaking ? 'microphone' : 'microphone-off', speaking);
    host.viewer.dataset['sound'] = sound.muted ? 'muted' : sound.phase;
    host.viewer.dataset['microphone'] = speaking ? 'on' : voice.phase === 'on' ? 'muted' : voice.phase;
  }

  cleanup.add(() => {
    mic.close();
    lips.close();
    captions.close();
    player.close();
  });
  render();

  return {
    state: render,
    room(next) {
      room = next;
      if (next) return void mic.republish();
      player.close();
      dispatch({ kind: 'track', there: false });
    },
    agent(present, attributes) {
      dispatch({ kind: 'listens', yes: present && attributes['microphone'] === 'on' });
    },
    screen: (track) => lips.screen(track),
    sound(name, track) {
      player.set(name, track?.media ?? null);
      if (name === 'desktop-audio') lips.sound(track);
      dispatch({ kind: 'track', there: player.any });
    },
    caption(text, attributes) {
      const caption = toCaption(text, attributes);
      if (caption) captions.show(caption);
    },
  };
}

function microphoneLabel(voice: SoundState['microphone']): string {
  if (voice.phase === 'asking') return 'Asking for the microphone…';
  if (voice.phase === 'on' && !voice.muted) return 'Mute microphone (whoever has control is heard)';
  if (voice.phase === 'on') return 'Speak (hold to talk)';
  return 'Microphone (hold to talk)';
}
