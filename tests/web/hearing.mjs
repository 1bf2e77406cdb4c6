// What the tests of voice share: recordings for Chromium's fake microphone, and ears inside the page that measure what
// comes out of it. Human speech is Debian's asterisk-core-sounds-en-wav, the rest this server's own voice.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { human as recorded, joined, louder, quiet, resample, spoken, writeWav } from '../lib/sound.mjs';

export { humanThere } from '../lib/sound.mjs';

const RATE = 16000;

export const human = (name) => resample(recorded(name), RATE);
/** At a third of its loudness: the browser's gain control overdrives what is loud at once. */
export const softer = (sound) => louder(sound, 1 / 3);
export const flite = (server, text) => spoken(server, text, 'flite/rms');
export const silence = (seconds) => quiet(seconds * 1000, RATE);

/** Writes the pieces as one WAV file, for --use-file-for-fake-audio-capture. */
export function recording(folder, name, pieces) {
    const path = join(folder, `${name}.wav`);
    writeFileSync(path, writeWav(joined(...pieces).samples, RATE));
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

/** A room that gives the loudspeaker's sound back to the microphone of putMouth(), where no echo is taken out any more. */
export async function putEcho(page, share) {
    await page.addInitScript((share) => {
        const connect = AudioNode.prototype.connect;
        const bridges = [];
        AudioNode.prototype.connect = function (target, ...rest) {
            if (target instanceof AudioDestinationNode) {
                const bridge = this.context.createMediaStreamDestination();
                connect.call(this, bridge);
                bridges.push(bridge.stream);
            }
            return connect.call(this, target, ...rest);
        };
        const take = AudioContext.prototype.createMediaStreamSource;
        AudioContext.prototype.createMediaStreamSource = function (stream) {
            const both = take.call(this, stream);
            const back = this.createGain();
            back.gain.value = share;
            back.connect(both);
            setInterval(() => bridges.splice(0).forEach((one) => new MediaStreamAudioSourceNode(this, { mediaStream: one }).connect(back)), 100);
            return both;
        };
    }, share);
}

/** Sound into the microphone of putMouth(), from now on; ends when it is said. */
export const speakInto = (page, { samples, rate }) => page.evaluate(([text, rate]) => globalThis.speakInto(text, rate), [Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).toString('base64'), rate]);

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
