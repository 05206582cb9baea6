import { describe, expect, it } from 'vitest';
import { buttonChanges, keepInside, toPixel, WHOLE, wheelPixels, zoomAbout } from '../../src/control/geometry';
import { Gestures, LONG_PRESS_MS, type Act } from '../../src/control/gestures';
import { StickyKeys } from '../../src/control/sticky';

const finger = (id: number, x: number, y: number) => ({ id, x, y });
const short = (acts: Act[]): string[] => acts.map((act) => {
  switch (act.do) {
    case 'button': return `${act.down ? 'press' : 'release'} ${act.button}${act.at ? ` ${act.at.x},${act.at.y}` : ''}`;
    case 'move': return `move ${act.x},${act.y}`;
    case 'nudge': return 'nudge';
    case 'scroll': return `scroll ${act.dx},${act.dy}`;
    case 'zoom': return `zoom ${act.factor.toFixed(1)}`;
    case 'buzz': return 'buzz';
  }
});

describe('one finger, direct', () => {
  it('taps: goes there and clicks', () => {
    const touch = new Gestures();
    expect(touch.start(finger(1, 100, 50), 0)).toEqual([]);
    touch.move([finger(1, 103, 52)]);
    expect(short(touch.end(1, 80))).toEqual(['move 100,50', 'press 0 100,50', 'release 0 100,50']);
  });
  it('drags from where it went down', () => {
    const touch = new Gestures();
    touch.start(finger(1, 100, 50), 0);
    expect(short(touch.move([finger(1, 120, 50)]))).toEqual(['press 0 100,50', 'move 120,50']);
    expect(short(touch.move([finger(1, 140, 60)]))).toEqual(['move 140,60']);
    expect(touch.due_ms).toBeNull();
    expect(short(touch.end(1, 900))).toEqual(['release 0 140,60']);
  });
  it('presses long for the right button, once, and does no click after it', () => {
    const touch = new Gestures();
    touch.start(finger(1, 10, 10), 0);
    expect(touch.due_ms).toBe(LONG_PRESS_MS);
    expect(touch.time(LONG_PRESS_MS - 1)).toEqual([]);
    expect(short(touch.time(LONG_PRESS_MS))).toEqual(['buzz', 'move 10,10', 'press 2 10,10', 'release 2 10,10']);
    expect(touch.time(LONG_PRESS_MS + 1)).toEqual([]);
    expect(touch.move([finger(1, 90, 90)])).toEqual([]);
    expect(touch.end(1, 900)).toEqual([]);
  });
  it('a cancelled drag lets go and does not click', () => {
    const touch = new Gestures();
    touch.start(finger(1, 10, 10), 0);
    expect(touch.cancel()).toEqual([]);
    touch.start(finger(1, 10, 10), 0);
    touch.move([finger(1, 60, 10)]);
    expect(short(touch.cancel())).toEqual(['release 0 60,10']);
    expect(touch.end(1, 10)).toEqual([]);
  });
});

describe('two fingers', () => {
  it('scroll, the content follows them', () => {
    const touch = new Gestures();
    touch.start(finger(1, 100, 200), 0);
    touch.start(finger(2, 160, 200), 30);
    touch.move([finger(1, 100, 180), finger(2, 160, 180)]);
    expect(short(touch.move([finger(1, 100, 150), finger(2, 160, 150)]))).toEqual(['scroll 0,30']);
    expect(touch.end(1, 500)).toEqual([]);
    expect(touch.move([finger(2, 300, 300)])).toEqual([]);
    expect(touch.end(2, 600)).toEqual([]);
  });
  it('pinch the view, and shift it along', () => {
    const touch = new Gestures();
    touch.start(finger(1, 100, 100), 0);
    touch.start(finger(2, 200, 100), 30);
    const acts = touch.move([finger(1, 50, 100), finger(2, 250, 100)]);
    expect(short(acts)).toEqual(['zoom 2.0']);
    expect(acts[0]).toMatchObject({ at: { x: 150, y: 100 }, shift: { x: 0, y: 0 } });
    expect(touch.move([finger(1, 60, 110), finger(2, 260, 110)])[0]).toMatchObject({ factor: 1, shift: { x: 10, y: 10 } });
  });
  it('tap for the right button, three for the middle one', () => {
    const two = new Gestures();
    two.start(finger(1, 100, 100), 0);
    two.start(finger(2, 140, 100), 40);
    expect(short(two.end(1, 120))).toEqual(['move 120,100', 'press 2 120,100', 'release 2 120,100']);
    expect(two.end(2, 130)).toEqual([]);
    const three = new Gestures();
    three.start(finger(1, 0, 0), 0);
    three.start(finger(2, 30, 0), 20);
    three.start(finger(3, 60, 0), 40);
    expect(short(three.end(2, 100))[1]).toMatch(/^press 1/);
  });
  it('a second finger during a drag lets go of it first', () => {
    const touch = new Gestures();
    touch.start(finger(1, 0, 0), 0);
    touch.move([finger(1, 50, 0)]);
    expect(short(touch.start(finger(2, 90, 90), 400))).toEqual(['release 0 50,0']);
    expect(touch.end(2, 500)).toEqual([]);
    expect(touch.end(1, 600)).toEqual([]);
  });
});

describe('a trackpad', () => {
  it('moves by distances, clicks where the pointer is, and drags after a tap', () => {
    const pad = new Gestures('trackpad');
    pad.start(finger(1, 100, 100), 0);
    expect(short(pad.move([finger(1, 130, 100)]))).toEqual(['nudge']);
    expect(pad.end(1, 200)).toEqual([]);
    pad.start(finger(2, 5, 5), 1_000);
    expect(short(pad.end(2, 1_060))).toEqual(['press 0', 'release 0']);
    pad.start(finger(3, 5, 5), 1_150);
    expect(short(pad.move([finger(3, 40, 5)]))).toEqual(['press 0', 'nudge']);
    expect(short(pad.end(3, 1_500))).toEqual(['release 0']);
  });
  it('goes further the quicker the finger is', () => {
    const nudge = (distance: number): number => {
      const pad = new Gestures('trackpad');
      pad.start(finger(1, 0, 0), 0);
      pad.move([finger(1, 11, 0)]);
      const [act] = pad.move([finger(1, 11 + distance, 0)]);
      return act?.do === 'nudge' ? act.dx : 0;
    };
    expect(nudge(2)).toBeLessThan(2.5);
    expect(nudge(60)).toBeGreaterThan(120);
  });
});

describe('whatever the fingers do', () => {
  it.each(['direct', 'trackpad'] as const)('no button stays down once all are up (%s)', (mode) => {
    for (let round = 0; round < 400; round += 1) {
      const touch = new Gestures(mode);
      const fingers = new Map<number, { id: number; x: number; y: number }>();
      const down = new Set<number>();
      const took = (acts: Act[]): void => {
        for (const act of acts) {
          if (act.do === 'button') {
            if (act.down) { expect(down.has(act.button)).toBe(false); down.add(act.button); } else down.delete(act.button);
          }
          if (act.do === 'zoom') expect(Number.isFinite(act.factor) && act.factor > 0).toBe(true);
        }
      };
      let now_ms = 0;
      for (let step = 0; step < 60; step += 1) {
        now_ms += Math.random() * 300;
        const id = 1 + Math.floor(Math.random() * 4);
        const point = finger(id, Math.random() * 400, Math.random() * 400);
        const dice = Math.random();
        if (touch.due_ms !== null && now_ms >= touch.due_ms) took(touch.time(now_ms));
        if (dice < 0.3 && !fingers.has(id)) { fingers.set(id, point); took(touch.start(point, now_ms)); }
        else if (dice < 0.8 && fingers.has(id)) { fingers.set(id, point); took(touch.move([point])); }
        else if (dice < 0.97) { fingers.delete(id); took(touch.end(id, now_ms)); }
        else { fingers.clear(); took(touch.cancel()); }
      }
      for (const id of fingers.keys()) took(touch.end(id, now_ms));
      expect([...down]).toEqual([]);
    }
  });
});

describe('geometry', () => {
  const desktop = { width: 1280, height: 720 };
  it('pixels, with the edge for what lies outside', () => {
    expect(toPixel(0, 0, 1, desktop)).toEqual({ x: 0, y: 0 });
    expect(toPixel(639.9, 359.9, 0.5, desktop)).toEqual({ x: 1279, y: 719 });
    expect(toPixel(-20, 5_000, 1, desktop)).toEqual({ x: 0, y: 719 });
    expect(toPixel(3.9, 2, 2, desktop)).toEqual({ x: 1, y: 1 });
  });
  it('the wheel in pixels, whatever the browser counts in', () => {
    expect(wheelPixels({ deltaX: 0, deltaY: 100, deltaMode: 0 }, desktop)).toEqual({ dx: 0, dy: 100 });
    expect(wheelPixels({ deltaX: 0, deltaY: -3, deltaMode: 1 }, desktop)).toEqual({ dx: 0, dy: -96 });
    expect(wheelPixels({ deltaX: 1, deltaY: 1, deltaMode: 2 }, desktop)).toEqual({ dx: 1280, dy: 720 });
    expect(wheelPixels({ deltaX: NaN, deltaY: Infinity, deltaMode: 0 }, desktop)).toEqual({ dx: 0, dy: 0 });
  });
  it('buttons from the state that each event tells', () => {
    expect(buttonChanges(0, 1)).toEqual([{ button: 0, down: true }]);
    expect(buttonChanges(1, 3)).toEqual([{ button: 2, down: true }]);
    expect(buttonChanges(7, 0)).toEqual([{ button: 0, down: false }, { button: 1, down: false }, { button: 2, down: false }]);
    expect(buttonChanges(0, 24)).toEqual([{ button: 3, down: true }, { button: 4, down: true }]);
  });
  it('zooms about the fingers, never past the edge, and back to the whole', () => {
    const picture = { width: 390, height: 219 };
    const stage = { width: 390, height: 700 };
    const view = zoomAbout(WHOLE, 4, { x: 100, y: 0 }, { x: 0, y: 0 }, picture, stage);
    expect(view).toEqual({ zoom: 4, panX: -300, panY: 0 });
    expect(zoomAbout(view, 1, { x: 0, y: 0 }, { x: -10_000, y: 10_000 }, picture, stage)).toEqual({ zoom: 4, panX: -585, panY: 88 });
    expect(zoomAbout(view, 0.1, { x: 0, y: 0 }, { x: 0, y: 0 }, picture, stage)).toBe(WHOLE);
    expect(zoomAbout(view, 100, { x: 0, y: 0 }, { x: 0, y: 0 }, picture, stage).zoom).toBe(8);
    expect(keepInside({ zoom: 1, panX: 50, panY: -50 }, picture, stage)).toEqual({ zoom: 1, panX: 0, panY: 0 });
  });
});

describe('keys that stick', () => {
  const sticky = () => {
    const sent: string[] = [];
    return { sent, keys: new StickyKeys({ key: (keysym, down) => sent.push(`${down ? '+' : '-'}${keysym}`) }) };
  };
  it('hold for the next key, or until tapped again', () => {
    const { sent, keys } = sticky();
    keys.toggle(1);
    expect(keys.type('C')).toBe(true);
    expect(sent).toEqual(['+1', '+99', '-99', '-1']);
    keys.toggle(1);
    keys.toggle(1);
    keys.tap(7);
    expect(keys.of(1)).toBe('locked');
    keys.toggle(1);
    expect(sent.slice(4)).toEqual(['+1', '+7', '-7', '-1']);
    expect(keys.type('plain')).toBe(false);
  });
});
