// A microphone for tests: sound from flite and from people (Debian's asterisk-core-sounds-en-wav), streamed to the socket as
// a page would, at the pace of speech or faster, as PCM or Opus.
import { readFileSync } from 'node:fs';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** {samples: Int16Array, rate} of a WAV file's bytes (16 bit, mono). */
export function readWav(bytes) {
    let at = 12;
    let rate = 0;
    for (;;) {
        const name = bytes.toString('latin1', at, at + 4);
        const size = bytes.readUInt32LE(at + 4);
        if (name === 'fmt ') rate = bytes.readUInt32LE(at + 12);
        if (name === 'data') {
            const data = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
            return { samples: new Int16Array(Uint8Array.from(data.subarray(0, data.length & ~1)).buffer), rate };
        }
        at += 8 + size + (size & 1);
    }
}

/** A text in flite's voice, 16 kHz. */
export async function spoken(server, text, voice = 'flite/slt') {
    const response = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text, voice }) });
    if (!response.ok) throw new Error(await response.text());
    return readWav(Buffer.from(await response.arrayBuffer()));
}

/** A person's recording, 8 kHz. */
export const human = (name) => readWav(readFileSync(`/usr/share/asterisk/sounds/en_US_f_Allison/${name}.wav`));

export const quiet = (ms, rate = 16000) => ({ samples: new Int16Array((rate * ms) / 1000), rate });

/** A burst that is no speech: a cough's worth of white noise. */
export function noise(ms, loud = 6000, rate = 16000, Samples = Int16Array) {
    const samples = new Samples((rate * ms) / 1000);
    let seed = 1;
    for (let i = 0; i < samples.length; i++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        samples[i] = ((seed / 0x7fffffff) * 2 - 1) * loud;
    }
    return { samples, rate };
}

/**
 * "Mm-hm": a voice behind closed lips (pulses through the resonances of the nose), a breath, and the voice again, rising. No
 * recording of one is in Debian, and flite spells it; silero takes this for the voice that it is.
 */
export function hum(pitch = 120, rate = 16000) {
    const syllables = [{ ms: 240, from: 1.15, to: 1 }, { ms: 90 }, { ms: 320, from: 0.95, to: 1.3 }];
    const nose = [{ hz: 250, width: 60, gain: 1 }, { hz: 1100, width: 150, gain: 0.15 }, { hz: 2300, width: 250, gain: 0.05 }].map(({ hz, width, gain }) => {
        const r = Math.exp((-Math.PI * width) / rate);
        return { a: 2 * r * Math.cos((2 * Math.PI * hz) / rate), b: -r * r, gain: gain * (1 - r), last: 0, before: 0 };
    });
    const breath = noise(90, 0.025, rate, Float64Array).samples;
    const out = [];
    let phase = 0;
    for (const { ms, from, to } of syllables) {
        const n = (rate * ms) / 1000;
        for (let i = 0; i < n; i++) {
            if (from) phase = (phase + (pitch * (from + ((to - from) * i) / n)) / rate) % 1;
            const pulse = from ? (phase < 0.6 ? Math.sin((Math.PI * phase) / 0.6) ** 2 : 0) - 0.3 : breath[i];
            const swell = Math.min(1, i / (0.03 * rate), (n - i) / (0.05 * rate));
            let sum = 0;
            for (const f of nose) {
                const y = pulse * swell + f.a * f.last + f.b * f.before;
                f.before = f.last;
                f.last = y;
                sum += y * f.gain;
            }
            out.push(sum);
        }
    }
    const most = Math.max(...out.map(Math.abs));
    return { samples: Int16Array.from(out, (v) => (v / most) * 9000), rate };
}

export function joined(...sounds) {
    const samples = new Int16Array(sounds.reduce((n, s) => n + s.samples.length, 0));
    let at = 0;
    for (const s of sounds) {
        samples.set(s.samples, at);
        at += s.samples.length;
    }
    return { samples, rate: sounds[0].rate };
}

const head = (codec) => Buffer.from([2, codec, 0, 0]);

/** Streams sound in frames of 20 ms; `speed` 1 is as it is spoken. Resolves to when the last frame went. */
export async function stream(socket, sound, speed = 1) {
    const size = sound.rate / 50;
    const begin = performance.now();
    for (let at = 0, i = 0; at < sound.samples.length; at += size, i++) {
        const part = sound.samples.slice(at, at + size);
        socket.ws.send(Buffer.concat([head(1), Buffer.from(part.buffer, part.byteOffset, part.byteLength)]));
        const due = begin + ((i + 1) * 20) / speed;
        if (due > performance.now()) await sleep(due - performance.now());
    }
    return performance.now();
}

/** The packets of an Ogg Opus file, without its two heads. */
export function packetsOf(ogg) {
    const packets = [];
    let open = [];
    for (let at = 0; at + 27 <= ogg.length; ) {
        const count = ogg[at + 26];
        const lacing = ogg.subarray(at + 27, at + 27 + count);
        let from = at + 27 + count;
        for (const n of lacing) {
            open.push(ogg.subarray(from, from + n));
            from += n;
            if (n < 255) {
                packets.push(Buffer.concat(open));
                open = [];
            }
        }
        at = from;
    }
    return packets.slice(2);
}

export async function streamOpus(socket, packets, speed = 1) {
    const begin = performance.now();
    for (let i = 0; i < packets.length; i++) {
        socket.ws.send(Buffer.concat([head(2), packets[i]]));
        const due = begin + ((i + 1) * 20) / speed;
        if (due > performance.now()) await sleep(due - performance.now());
    }
}

/** Opens a microphone; resolves when it listens. `since()` marks a place, `next(type)` is the next frame after it. */
export async function openMic(socket, room, options = {}) {
    let mark = socket.frames.length;
    const next = (fits, what, timeout) =>
        socket
            .wait((f) => socket.frames.indexOf(f) >= mark && fits(f), what, timeout)
            .then((frame) => {
                mark = socket.frames.indexOf(frame) + 1;
                return frame;
            });
    socket.send({ type: 'mic', room, on: true, ...options });
    await next((f) => f.type === 'mic' && f.room === room && f.state !== 'off', 'an open microphone');
    return {
        room,
        next,
        since: () => (mark = socket.frames.length),
        state: (state, timeout) => next((f) => f.type === 'mic' && f.state === state, `the state ${state}`, timeout),
        final: (timeout = 60000) => next((f) => f.type === 'mic.final', 'mic.final', timeout),
        silero: () => socket.wait((f) => f.type === 'mic' && f.vad === 'silero', 'silero')
    };
}
