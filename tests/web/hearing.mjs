// What the tests of voice share: recordings for Chromium's fake microphone, and ears inside the page that measure what
// comes out of it. Human speech is Debian's asterisk-core-sounds-en-wav, the rest this server's own voice.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const RATE = 16000;
const HUMAN = '/usr/share/asterisk/sounds/en_US_f_Allison';
export const humanThere = existsSync(HUMAN);

/* Twice as many samples, for recordings of the telephone. */
function doubled(samples) {
    const out = Buffer.alloc(samples.length * 2);
    for (let i = 0; i < samples.length; i += 2) {
        const [here, next] = [samples.readInt16LE(i), samples.readInt16LE(Math.min(i + 2, samples.length - 2))];
        out.writeInt16LE(here, i * 2);
        out.writeInt16LE((here + next) >> 1, i * 2 + 2);
    }
    return out;
}

/** The samples of a WAV file of 16 bit and one channel, at 16 kHz. */
function samplesOf(wav) {
    let at = 12;
    let rate = 0;
    for (;;) {
        const name = wav.toString('latin1', at, at + 4);
        const size = wav.readUInt32LE(at + 4);
        if (name === 'fmt ') rate = wav.readUInt32LE(at + 12);
        if (name === 'data') {
            /* A file that was streamed says 0xffffffff. */
            const end = Math.min(wav.length, at + 8 + size);
            const samples = wav.subarray(at + 8, end - ((end - at) & 1));
            if (rate !== RATE && rate * 2 !== RATE) throw new Error(`a recording of ${rate} Hz`);
            return rate === RATE ? samples : doubled(samples);
        }
        at += 8 + size + (size & 1);
    }
}

export const human = (name) => samplesOf(readFileSync(join(HUMAN, `${name}.wav`)));
/** At a third of its loudness: the browser's gain control overdrives what is loud at once. */
export function softer(samples) {
    const out = Buffer.alloc(samples.length);
    for (let i = 0; i < samples.length; i += 2) out.writeInt16LE(Math.round(samples.readInt16LE(i) / 3), i);
    return out;
}
export const silence = (seconds) => Buffer.alloc(Math.round(seconds * RATE) * 2);
export const seconds = (samples) => samples.length / 2 / RATE;

/** A text in one of the server's own voices. */
export async function flite(server, text, voice = 'flite/rms') {
    const answer = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'audio/wav' }, body: JSON.stringify({ text, voice, format: 'wav' }) });
    if (!answer.ok) throw new Error(await answer.text());
    return samplesOf(Buffer.from(await answer.arrayBuffer()));
}

/** Writes the pieces as one WAV file, for --use-file-for-fake-audio-capture. */
export function recording(folder, name, pieces) {
    const data = Buffer.concat(pieces);
    const head = Buffer.alloc(44);
    head.write('RIFF', 0);
    head.writeUInt32LE(36 + data.length, 4);
    head.write('WAVEfmt ', 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(RATE, 24);
    head.writeUInt32LE(RATE * 2, 28);
    head.writeUInt16LE(2, 32);
    head.writeUInt16LE(16, 34);
    head.write('data', 36);
    head.writeUInt32LE(data.length, 40);
    const path = join(folder, `${name}.wav`);
    writeFileSync(path, Buffer.concat([head, data]));
    return path;
}

/** Flags of a Chromium whose microphone plays a file once; with no file it beeps. */
export function microphoneFlags(path, { ask = false } = {}) {
    return ['--use-fake-device-for-media-stream', ...(ask ? [] : ['--use-fake-ui-for-media-stream']), ...(path ? [`--use-file-for-fake-audio-capture=${path}%noloop`] : [])];
}

/** A microphone that the test also speaks into, at the moment it wants (speakInto), beside what its device plays:
    Chromium's own plays a file from the file's beginning, whatever the machine is busy with meanwhile. It joins where
    the page takes the microphone over, in the same context, so that a busy machine tears no holes into it. */
export async function putMouth(page) {
    await page.addInitScript(() => {
        const take = AudioContext.prototype.createMediaStreamSource;
        AudioContext.prototype.createMediaStreamSource = function (stream) {
            const both = this.createGain();
            take.call(this, stream).connect(both);
            globalThis.speakInto = (text, rate) => {
                const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
                const samples = Float32Array.from(new Int16Array(bytes.buffer), (one) => one / 32768);
                const source = this.createBufferSource();
                source.buffer = this.createBuffer(1, samples.length, rate);
                source.buffer.copyToChannel(samples, 0);
                source.connect(both);
                return new Promise((done) => {
                    source.onended = () => done();
                    source.start();
                });
            };
            return both;
        };
    });
}

/** Samples at 16 kHz into the microphone of putMouth(), from now on; ends when they are said. */
export const speakInto = (page, samples) => page.evaluate(([text, rate]) => globalThis.speakInto(text, rate), [Buffer.from(samples).toString('base64'), RATE]);

/** Ears in the page: `loudness` is [ms, rms] of what goes to the loudspeaker, every 5 ms; `told` what the socket said. */
export async function putEars(page) {
    await page.addInitScript(() => {
        const connect = AudioNode.prototype.connect;
        globalThis.loudness = [];
        globalThis.told = [];
        AudioNode.prototype.connect = function (target, ...rest) {
            if (target instanceof AudioDestinationNode) {
                const ear = this.context.createAnalyser();
                ear.fftSize = 256;
                connect.call(this, ear);
                const samples = new Float32Array(ear.fftSize);
                setInterval(() => {
                    ear.getFloatTimeDomainData(samples);
                    globalThis.loudness.push([performance.now(), Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length)]);
                }, 5);
            }
            return connect.call(this, target, ...rest);
        };
        const Socket = globalThis.WebSocket;
        globalThis.WebSocket = class extends Socket {
            constructor(...args) {
                super(...args);
                this.addEventListener('message', (message) => globalThis.told.push([performance.now(), typeof message.data === 'string' ? JSON.parse(message.data) : { sound: message.data.byteLength }]));
            }
            send(data) {
                if (typeof data === 'string') globalThis.told.push([performance.now(), { sent: JSON.parse(data) }]);
                super.send(data);
            }
        };
    });
}

/** Seconds of sound that came out louder than a whisper, and its first and last moment. */
export function heardIn(page) {
    return page.evaluate(() => {
        const loud = globalThis.loudness.filter(([, rms]) => rms > 0.003).map(([at]) => at);
        return { seconds: (loud.length * 5) / 1000, first: loud[0] ?? null, last: loud.at(-1) ?? null };
    });
}

/** What the socket said of a type, or events of a kind: [{at, ...}]. */
export function toldOf(page, name) {
    return page.evaluate((name) => globalThis.told.filter(([, one]) => one.type === name || one.event?.kind === name || one.sent?.type === name).map(([at, one]) => ({ at, ...(one.event ?? one.sent ?? one) })), name);
}

/** Waits for the socket to say something, with these values in it. */
export function untilTold(page, name, timeout = 30000, values = {}) {
    const there = ([name, values]) => globalThis.told.some(([, one]) => (one.type === name || one.event?.kind === name || one.sent?.type === name) && Object.entries(values).every(([key, value]) => one[key] === value));
    return page.waitForFunction(there, [name, values], { timeout });
}
