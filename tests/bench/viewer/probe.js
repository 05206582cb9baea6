// Runs in every page before its own scripts: reads the barcode of each presented frame, and lends
// the harness the page's peer connections, byte counts and pixels.
(() => {
  if (window.bench) return;
  const peers = [];
  const sockets = { bytes: 0 };
  // Proxies, not subclasses: noVNC looks for `send` on the instance's own prototype.
  const watched = (Native, made) =>
    new Proxy(Native, {
      construct(target, args) {
        const instance = Reflect.construct(target, args);
        made(instance);
        return instance;
      },
    });
  window.RTCPeerConnection = watched(window.RTCPeerConnection, (peer) => peers.push(peer));
  window.WebSocket = watched(window.WebSocket, (socket) => {
    socket.addEventListener("message", ({ data }) => {
      sockets.bytes += data.byteLength ?? data.size ?? data.length ?? 0;
    });
  });

  let code = null; // the barcode's geometry
  let kind = "video"; // what this system draws its picture on
  let offset_us = 0; // painter's clock − this page's
  let following = null; // the element whose frames are read
  let samples = []; // [stamp_us, seen_us, received_us or null]
  let last = -1;
  let first_seen_us = null; // the first picture that could be read at all
  let counters = {};
  const zero = () => ({ presented: 0, read: 0, refused: 0, repeats: 0, backward: 0, failed: 0 });
  counters = zero();
  const now_us = () => performance.now() * 1000 + offset_us;

  function check(bytes) {
    let crc = 0xffff; // CRC-CCITT, as binascii.crc_hqx
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
    return crc;
  }

  // luma(x, y) within the strip → the stamp, or null if the picture is torn or unclear
  function decode(luma) {
    const { columns, rows, cell, value_bits } = code;
    const levels = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const x = column * cell + cell / 2;
        const y = row * cell + cell / 2;
        levels.push((luma(x - 2, y - 2) + luma(x + 1, y - 2) + luma(x - 2, y + 1) + luma(x + 1, y + 1)) / 4);
      }
    }
    const low = Math.min(...levels);
    const high = Math.max(...levels);
    if (high - low < 64) return null;
    const middle = (low + high) / 2;
    const bytes = new Array(levels.length / 8).fill(0);
    levels.forEach((level, index) => {
      if (level > middle) bytes[index >> 3] |= 0x80 >> (index & 7);
    });
    const value = bytes.slice(0, value_bits / 8);
    if (check(value) !== bytes[value.length] * 256 + bytes[value.length + 1]) return null;
    return value.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  const strip = document.createElement("canvas");
  let pen = null;

  async function readStrip(surface) {
    const width = code.columns * code.cell;
    const height = code.rows * code.cell;
    if (surface instanceof HTMLVideoElement && window.VideoFrame) {
      const frame = new VideoFrame(surface); // no conversion of the whole picture
      try {
        if (/^(I4|NV12)/.test(frame.format ?? "")) {
          const rect = { x: code.left, y: code.top, width, height };
          const data = new Uint8Array(frame.allocationSize({ rect }));
          const [plane] = await frame.copyTo(data, { rect });
          return decode((x, y) => data[plane.offset + y * plane.stride + x]);
        }
      } finally {
        frame.close();
      }
    }
    if (!pen) {
      strip.width = width;
      strip.height = height;
      pen = strip.getContext("2d", { willReadFrequently: true });
    }
    pen.drawImage(surface, code.left, code.top, width, height, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height);
    return decode((x, y) => data[(y * width + x) * 4 + 1]);
  }

  async function look(surface, seen_us, received_us) {
    counters.presented++;
    let value;
    try {
      value = await readStrip(surface);
    } catch (error) {
      counters.failed++;
      bench.error = String(error);
      return;
    }
    if (value === null) {
      counters.refused++;
      return;
    }
    counters.read++;
    first_seen_us ??= seen_us;
    if (value === last) counters.repeats++;
    else if (value < last) counters.backward++;
    else samples.push([value, seen_us, received_us]);
    last = Math.max(last, value);
  }

  function surface() {
    const width = (item) => (kind === "video" ? item.videoWidth : item.width);
    const found = [...document.querySelectorAll(kind)].filter((item) => width(item) >= code.left + code.columns * code.cell);
    return found.sort((a, b) => width(b) - width(a))[0] ?? null;
  }

  function follow(target) {
    following = target;
    const video = target instanceof HTMLVideoElement;
    const next = (step) => (video ? target.requestVideoFrameCallback(step) : requestAnimationFrame(step));
    const step = (_, frame) => {
      if (following !== target) return;
      const seen_us = now_us();
      look(target, seen_us, frame?.receiveTime === undefined ? null : frame.receiveTime * 1000 + offset_us);
      next(step);
    };
    if (video && target.readyState >= 2) look(target, now_us(), null); // its first frame may have come before us
    next(step);
  }

  async function calibrate(url) {
    let best = null;
    for (let round = 0; round < 40; round++) {
      const before = performance.now() * 1000;
      const theirs = Number(await (await fetch(url, { cache: "no-store" })).text());
      const after = performance.now() * 1000;
      if (!best || after - before < best.rtt_us) best = { rtt_us: after - before, offset_us: theirs - (before + after) / 2 };
    }
    return best;
  }

  async function pngOf(bitmap) {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    return base64(new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer()));
  }

  // The decoder's own luma, before any conversion to RGB; null for a canvas.
  async function lumaOf(target) {
    if (!(target instanceof HTMLVideoElement)) return null;
    const frame = new VideoFrame(target);
    try {
      if (!/^(I4|NV12)/.test(frame.format ?? "")) return null;
      const data = new Uint8Array(frame.allocationSize());
      const [plane] = await frame.copyTo(data);
      const { width, height } = frame.visibleRect;
      const { matrix, fullRange } = frame.colorSpace;
      return { data: data.subarray(plane.offset, plane.offset + plane.stride * height), stride: plane.stride, width, height, matrix, full: fullRange };
    } finally {
      frame.close();
    }
  }

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  }

  const sleepUntil = (due_us) => new Promise((done) => setTimeout(done, Math.max(0, (due_us - now_us()) / 1000)));

  window.bench = {
    peers,
    now_us,
    error: null,
    async begin(geometry, surface_kind, clock_url) {
      code = geometry;
      kind = surface_kind;
      const clock = await calibrate(clock_url);
      offset_us = clock.offset_us;
      return clock;
    },
    calibrate,
    // Starts reading as soon as there is something to read from.
    attach() {
      const target = surface();
      if (target && target !== following) follow(target);
      return target !== null;
    },
    // As if no picture had been seen yet.
    forget() {
      first_seen_us = null;
      last = -1;
      following = null;
    },
    firstSeen: () => first_seen_us,
    reset() {
      samples = [];
      counters = zero();
    },
    collect: () => ({ samples, counters, now_us: now_us(), error: bench.error, offset_us }),
    surface: () => {
      const found = surface();
      return found && { kind: found.tagName, width: found.videoWidth || found.width, height: found.videoHeight || found.height };
    },
    // The whole picture at each of these times after from_us, as PNG.
    async grabs(from_us, delays_us) {
      const taken = [];
      for (const delay_us of delays_us) {
        await sleepUntil(from_us + delay_us);
        const at_us = now_us() - from_us;
        taken.push({ at_us, bitmap: await createImageBitmap(surface()), luma: await lumaOf(surface()) });
      }
      const answer = [];
      for (const { at_us, bitmap, luma } of taken) {
        answer.push({ at_us, png: await pngOf(bitmap), luma: luma && { ...luma, data: base64(luma.data) } });
      }
      return answer;
    },
    // How much each presented frame differs from the one before, on a screen that is still.
    async watchStill(duration_ms) {
      const target = surface();
      const changes = [];
      let before = null;
      let first = null;
      const began = performance.now();
      const ends = began + duration_ms;
      const step = async () => {
        if (performance.now() > ends) return;
        const frame = new VideoFrame(target);
        const data = new Uint8Array(frame.allocationSize());
        const size = frame.codedWidth * frame.codedHeight;
        try {
          await frame.copyTo(data);
        } finally {
          frame.close();
        }
        const luma = data.subarray(0, size);
        if (before) {
          let highest = 0;
          let drift = 0;
          let changed = 0;
          let squares = 0;
          for (let index = 0; index < size; index++) {
            const change = Math.abs(luma[index] - before[index]);
            if (change > highest) highest = change;
            if (change > 2) changed++;
            squares += change * change;
            const away = Math.abs(luma[index] - first[index]);
            if (away > drift) drift = away;
          }
          changes.push({ at_ms: Math.round(performance.now() - began), max: highest, over2: changed, mse: squares / size, drift });
        }
        first ??= luma;
        before = luma;
        target.requestVideoFrameCallback(step);
      };
      target.requestVideoFrameCallback(step);
      await new Promise((done) => setTimeout(done, duration_ms + 100));
      return changes;
    },
    async stats() {
      const total = { bytes: sockets.bytes, frames_decoded: 0, peers: [] };
      for (const peer of peers) {
        if (peer.connectionState === "closed") continue;
        const report = await peer.getStats();
        for (const item of report.values()) {
          if (item.type !== "inbound-rtp" || item.kind !== "video") continue;
          total.bytes += item.bytesReceived;
          total.frames_decoded += item.framesDecoded;
          total.peers.push({
            bytes: item.bytesReceived,
            frames_decoded: item.framesDecoded,
            frames_dropped: item.framesDropped,
            key_frames: item.keyFramesDecoded,
            freezes: item.freezeCount,
            pli: item.pliCount,
            nack: item.nackCount,
            lost: item.packetsLost,
            decode_s: item.totalDecodeTime,
            jitter_buffer_s: item.jitterBufferDelay,
            jitter_buffer_frames: item.jitterBufferEmittedCount,
            width: item.frameWidth,
            height: item.frameHeight,
            decoder: item.decoderImplementation,
            codec: report.get(item.codecId)?.mimeType,
            fmtp: report.get(item.codecId)?.sdpFmtpLine,
          });
        }
      }
      return total;
    },
  };
})();
