// A person with a microphone and a loudspeaker, for tests and benches: one socket that has joined a room with sound, sends
// what it "says" at the pace of speech, and hears what personas say.
import { once } from 'node:events';
import WebSocket from 'ws';

const FRAME_MS = 20;
const HEAD_BYTES = 48;

/** Samples of a WAV file of 16 bits, mono: {samples, rate}. */
export function readWav(bytes) {
    const chunk = (name) => {
        for (let at = 12; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4) + (bytes.readUInt32LE(at + 4) & 1)) if (bytes.toString('latin1', at, at + 4) === name) return at + 8;
        throw new Error(`the WAV has no '${name}'`);
    };
    const data = chunk('data');
    const length = Math.min(bytes.readUInt32LE(data - 4), bytes.length - data) & ~1;
    return { samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset + data, bytes.byteOffset + data + length)), rate: bytes.readUInt32LE(chunk('fmt ') + 4) };
}

/** The same samples at another rate, by straight lines; good enough for speech that goes up. */
export function resample({ samples, rate }, to) {
    const out = new Int16Array(Math.floor((samples.length * to) / rate));
    for (let i = 0; i < out.length; i++) {
        const at = (i * rate) / to, k = Math.floor(at);
        out[i] = samples[k] + (at - k) * ((samples[k + 1] ?? samples[k]) - samples[k]);
    }
    return out;
}

/** What a server's own voice makes of a text, at 16 kHz. */
export async function spoken(server, text, voice = 'flite/rms') {
    const response = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text, voice }) });
    if (!response.ok) throw new Error(await response.text());
    return resample(readWav(Buffer.from(await response.arrayBuffer())), 16000);
}

export class Person {
    /** Joins `room` with sound; `mic` are the fields of the mic message (mode, rate, ...), null: no microphone. */
    static async join(server, room, { mic = {}, audio = 'pcm' } = {}) {
        const person = new Person();
        person.room = room;
        person.messages = []; // {at, ...JSON}
        person.frames = []; // {at, turn, index, rate, first, bytes}
        person.waiting = [];
        person.playing = new Map();
        person.queue = Promise.resolve();
        person.ws = new WebSocket(server.url.replace('http', 'ws') + '/ws');
        person.ws.on('message', (data, binary) => person.#take(data, binary));
        await once(person.ws, 'open');
        person.send({ type: 'join', room, audio });
        await person.until((m) => m.type === 'joined');
        if (mic) {
            person.rate = mic.rate ?? 16000;
            person.send({ type: 'mic', room, on: true, mode: 'hands_free', codec: 'pcm', rate: person.rate, ...mic });
            await person.until((m) => m.type === 'mic');
        }
        return person;
    }
    #take(data, binary) {
        const at = performance.now();
        if (binary) {
            const frame = { at, codec: data[1], index: data.readUInt16LE(2), rate: data.readUInt32LE(4), first: Number(data.readBigUInt64LE(8)), turn: data.toString('hex', 32, 48), bytes: data.subarray(HEAD_BYTES) };
            this.frames.push(frame);
            this.#play(frame);
            this.#wake({ type: 'sound', ...frame });
        } else {
            const message = { at, ...JSON.parse(data) };
            this.messages.push(message);
            this.#wake(message);
        }
    }
    /** The loudspeaker: sentences play one after another at the pace of speech, and the server is told how far they are. */
    #play(frame) {
        const key = `${frame.turn}/${frame.index}`;
        const length = ((frame.first + frame.bytes.length / 2) * 1000) / frame.rate;
        const known = this.playing.get(key);
        if (known) known.length = length;
        else this.playing.set(key, { turn: frame.turn, index: frame.index, length, began: null });
        this.ticker ??= setInterval(() => this.#tick(), 100);
    }
    #tick() {
        const [first] = this.playing.values();
        if (!first) {
            clearInterval(this.ticker);
            this.ticker = null;
            return;
        }
        first.began ??= performance.now();
        const ms = Math.min(performance.now() - first.began, first.length);
        const turn = first.turn.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
        if (this.ws.readyState === 1) this.send({ type: 'played', room: this.room, turn, index: first.index, ms: Math.round(ms) });
        if (ms >= first.length) this.playing.delete(`${first.turn}/${first.index}`);
    }
    /** Falls silent: what was to be played is dropped. */
    hush() {
        this.playing.clear();
    }
    #wake(message) {
        if (message.type === 'speech.stop') this.hush();
        for (const waiter of [...this.waiting])
            if (waiter.test(message)) {
                this.waiting.splice(this.waiting.indexOf(waiter), 1);
                waiter.resolve(message);
            }
    }
    send(message) {
        this.ws.send(JSON.stringify(message));
    }
    /** The next message (or frame of sound, as type "sound") that passes; what came before does not count. */
    until(test, timeout_ms = 20000) {
        return new Promise((resolve, reject) => {
            const waiter = { test, resolve: (message) => (clearTimeout(late), resolve(message)) };
            const late = setTimeout(() => reject(new Error(`nothing of the kind within ${timeout_ms} ms: ${test}\nlast: ${JSON.stringify(this.messages.slice(-5))}`)), timeout_ms);
            this.waiting.push(waiter);
        });
    }
    /** The next event of that kind. */
    event(kind, test = () => true, timeout_ms) {
        return this.until((m) => m.type === 'event' && m.event.kind === kind && test(m.event), timeout_ms);
    }
    /** Sends sound at the pace of speech (or `pace` times faster); resolves to {began, ended}: when the first and last frame went. */
    say(samples, { pace = 1 } = {}) {
        const run = async () => {
            const frame = (this.rate * FRAME_MS) / 1000;
            const began = performance.now();
            for (let at = 0, n = 0; at < samples.length; at += frame, n++) {
                const due = began + (n * FRAME_MS) / pace;
                const wait = due - performance.now();
                if (wait > 0) await new Promise((r) => setTimeout(r, wait));
                const piece = new Int16Array(frame);
                piece.set(samples.subarray(at, at + frame));
                this.ws.send(Buffer.concat([Buffer.from([2, 1, 0, 0]), Buffer.from(piece.buffer)]));
            }
            return { began, ended: performance.now() };
        };
        return (this.queue = this.queue.then(run));
    }
    /** Room noise too quiet to be anything, for so long. */
    silence(ms, options) {
        const samples = new Int16Array((this.rate * ms) / 1000);
        for (let i = 0; i < samples.length; i++) samples[i] = Math.round((Math.random() - 0.5) * 12);
        return this.say(samples, options);
    }
    async leave() {
        clearInterval(this.ticker);
        this.ws.close();
        await once(this.ws, 'close');
    }
}
