// Sound for tests: read, written, resampled, put together; spoken by a server's own voice, by people (Debian's
// asterisk-core-sounds-en-wav), or made up; and the frames in which it crosses the socket. A sound is {samples: Int16Array,
// rate}, one channel.
import { existsSync, readFileSync } from 'node:fs';

const HUMAN = '/usr/share/asterisk/sounds/en_US_f_Allison';
const FRAME_HEAD = 48;

/** Of a WAV file's bytes (16 bit, one channel); a length of 0xffffffff, as streams say it, goes to the end. */
export function readWav(bytes) {
    let rate = 0;
    for (let at = 12; at + 8 <= bytes.length; ) {
        const name = bytes.toString('latin1', at, at + 4);
        const size = bytes.readUInt32LE(at + 4);
        if (name === 'fmt ') rate = bytes.readUInt32LE(at + 12);
        if (name === 'data') {
            const data = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
            return { samples: new Int16Array(Uint8Array.from(data.subarray(0, data.length & ~1)).buffer), rate };
        }
        at += 8 + size + (size & 1);
    }
    throw new Error("the WAV has no 'data'");
}

/** A WAV file of samples (numbers, or the bytes of them); its head may lie about their length and their form. */
export function writeWav(samples, rate = 16000, { said, format = 1, channels = 1, bits = 16 } = {}) {
    const data = Buffer.isBuffer(samples) ? samples : Buffer.from(Int16Array.from(samples).buffer);
    const length = said ?? data.length;
    const head = Buffer.alloc(44);
    head.write('RIFF', 0);
    head.writeUInt32LE(Math.min(length + 36, 0xffffffff) >>> 0, 4);
    head.write('WAVEfmt ', 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(format, 20);
    head.writeUInt16LE(channels, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt32LE((rate * channels * bits) / 8, 28);
    head.writeUInt16LE((channels * bits) / 8, 32);
    head.writeUInt16LE(bits, 34);
    head.write('data', 36);
    head.writeUInt32LE(length >>> 0, 40);
    return Buffer.concat([head, data]);
}

/** The same at another rate, by straight lines; good enough for speech that goes up. */
export function resample({ samples, rate }, to) {
    if (rate === to) return { samples, rate };
    const out = new Int16Array(Math.floor((samples.length * to) / rate));
    for (let i = 0; i < out.length; i++) {
        const at = (i * rate) / to;
        const k = Math.floor(at);
        out[i] = samples[k] + (at - k) * ((samples[k + 1] ?? samples[k]) - samples[k]);
    }
    return { samples: out, rate: to };
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

export const louder = ({ samples, rate }, times) => ({ samples: samples.map((s) => Math.round(s * times)), rate });

/** What a server's own voice makes of a text, 16 kHz. */
export async function spoken(server, text, voice = 'flite/slt') {
    const response = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text, voice }) });
    if (!response.ok) throw new Error(await response.text());
    return resample(readWav(Buffer.from(await response.arrayBuffer())), 16000);
}

/** A person's recording, 8 kHz. */
export const human = (name) => readWav(readFileSync(`${HUMAN}/${name}.wav`));
export const humanThere = existsSync(HUMAN);

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

/** A microphone's frame for the socket: PCM samples, or one Opus packet. */
export function micFrame(sound) {
    const opus = Buffer.isBuffer(sound);
    return Buffer.concat([Buffer.from([2, opus ? 2 : 1, 0, 0]), opus ? sound : Buffer.from(sound.buffer, sound.byteOffset, sound.byteLength)]);
}

const uuid = (bytes) => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** A binary frame of a persona's sound, as docs/VOICE.md has it. */
export function readSound(data) {
    return {
        type: data[0],
        codec: data[1],
        index: data.readUInt16LE(2),
        rate: data.readUInt32LE(4),
        at: Number(data.readBigUInt64LE(8)),
        room: uuid(data.subarray(16, 32)),
        turn: uuid(data.subarray(32, FRAME_HEAD)),
        bytes: data.subarray(FRAME_HEAD),
        when: performance.now()
    };
}
