// A person with a microphone and a loudspeaker, for tests and benches: one socket that has joined a room with sound, sends
// what it "says" at the pace of speech, and hears what personas say.
import { once } from 'node:events';
import WebSocket from 'ws';
import { micFrame, readSound } from './sound.mjs';

const FRAME_MS = 20;

export class Person {
    /** Joins `room` with sound; `mic` are the fields of the mic message (mode, rate, ...), null: no microphone. */
    static async join(server, room, { mic = {}, audio = 'pcm' } = {}) {
        const person = new Person();
        person.room = room;
        person.messages = []; // {when, ...JSON}
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
        if (binary) {
            const frame = readSound(data);
            this.#play(frame);
            this.#wake({ ...frame, type: 'sound' });
        } else {
            const message = { when: performance.now(), ...JSON.parse(data) };
            this.messages.push(message);
            this.#wake(message);
        }
    }
    /** The loudspeaker: sentences play one after another at the pace of speech, and the server is told how far they are. */
    #play(frame) {
        const key = `${frame.turn}/${frame.index}`;
        const length = ((frame.at + frame.bytes.length / 2) * 1000) / frame.rate;
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
        if (this.ws.readyState === 1) this.send({ type: 'played', room: this.room, turn: first.turn, index: first.index, ms: Math.round(ms) });
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
    /** Sends sound (at the rate of the mic message) at the pace of speech (or `pace` times faster); resolves to {began, ended}: when the first and last frame went. */
    say({ samples }, { pace = 1 } = {}) {
        const run = async () => {
            const frame = (this.rate * FRAME_MS) / 1000;
            const began = performance.now();
            for (let at = 0, n = 0; at < samples.length; at += frame, n++) {
                const due = began + (n * FRAME_MS) / pace;
                const wait = due - performance.now();
                if (wait > 0) await new Promise((r) => setTimeout(r, wait));
                const piece = new Int16Array(frame);
                piece.set(samples.subarray(at, at + frame));
                this.ws.send(micFrame(piece));
            }
            return { began, ended: performance.now() };
        };
        return (this.queue = this.queue.then(run));
    }
    /** Room noise too quiet to be anything, for so long. */
    silence(ms, options) {
        const samples = new Int16Array((this.rate * ms) / 1000);
        for (let i = 0; i < samples.length; i++) samples[i] = Math.round((Math.random() - 0.5) * 12);
        return this.say({ samples }, options);
    }
    async leave() {
        clearInterval(this.ticker);
        this.ws.close();
        await once(this.ws, 'close');
    }
}
