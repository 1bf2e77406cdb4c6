// A realtime session for tests: raw events over `ws`, each checked by a state machine that knows their order.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

/** A user's message as a client sends it. */
export const text = (words) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: words }] } });

/** The samples of a WAV file of 16 bit, one channel: { rate, bytes }. */
export function wav(file) {
    const all = Buffer.isBuffer(file) ? file : readFileSync(file);
    let at = 12;
    let rate = 0;
    while (at + 8 <= all.length) {
        const [name, size] = [all.toString('latin1', at, at + 4), all.readUInt32LE(at + 4)];
        if (name === 'fmt ') {
            assert.deepEqual([all.readUInt16LE(at + 8), all.readUInt16LE(at + 10), all.readUInt16LE(at + 22)], [1, 1, 16], 'PCM, mono, 16 bit');
            rate = all.readUInt32LE(at + 12);
        }
        if (name === 'data') return { rate, bytes: all.subarray(at + 8, Math.min(all.length, at + 8 + size)) };
        at += 8 + size + (size % 2);
    }
    throw new Error('no WAV file');
}

/** To 24 kHz, by straight lines; enough for ears. */
export function to24k({ rate, bytes }) {
    const count = Math.floor(((bytes.length / 2 - 1) * 24000) / rate);
    const out = Buffer.alloc(count * 2);
    for (let i = 0; i < count; i++) {
        const at = (i * rate) / 24000;
        const k = Math.floor(at);
        const [a, b] = [bytes.readInt16LE(2 * k), bytes.readInt16LE(Math.min(2 * k + 2, bytes.length - 2))];
        out.writeInt16LE(Math.round(a + (b - a) * (at - k)), 2 * i);
    }
    return out;
}

export const silence = (ms) => Buffer.alloc(48 * ms);

/** What may come when. `check(event)` throws where an event is out of place. */
class Order {
    constructor() {
        this.begun = false;
        this.items = new Map(); // id -> 'added' | 'done'
        this.responses = new Map(); // id -> { items: Map(output_index -> { id, state, part }) }
        this.ids = new Set();
        this.speaking = null;
    }
    check(e) {
        assert.equal(typeof e.event_id, 'string');
        assert.ok(!this.ids.has(e.event_id), 'event ids are new');
        this.ids.add(e.event_id);
        if (!this.begun && e.type !== 'error') assert.equal(e.type, 'session.created', 'the session comes first');
        this.begun = true;
        const [family] = e.type.split('.');
        if (family === 'conversation') this.conversation(e);
        else if (family === 'response') this.response(e);
        else if (e.type === 'input_audio_buffer.speech_started') {
            assert.equal(this.speaking, null, 'speech starts once');
            this.speaking = e.item_id;
        } else if (e.type === 'input_audio_buffer.speech_stopped') {
            assert.equal(this.speaking, e.item_id, 'what stops is what started');
            this.speaking = null;
        } else if (e.type === 'input_audio_buffer.committed') {
            assert.equal(this.items.has(e.item_id), false, 'committed before added');
        }
    }
    conversation(e) {
        if (e.type === 'conversation.item.added') {
            assert.equal(this.items.has(e.item.id), false, 'added once');
            if (e.previous_item_id) assert.ok(this.items.has(e.previous_item_id), 'behind one that is there');
            this.items.set(e.item.id, 'added');
        } else if (e.type === 'conversation.item.done') {
            assert.equal(this.items.get(e.item.id), 'added', 'done after added, once');
            assert.notEqual(e.item.status, 'in_progress');
            this.items.set(e.item.id, 'done');
        } else {
            assert.ok(this.items.has(e.item_id ?? e.item?.id), `${e.type}: of an item that is there`);
        }
    }
    response(e) {
        const id = e.response?.id ?? e.response_id;
        const r = this.responses.get(id);
        if (e.type === 'response.created') {
            assert.equal(r, undefined, 'created once');
            assert.equal(e.response.status, 'in_progress');
            this.responses.set(id, { items: new Map(), done: false });
            return;
        }
        assert.ok(r && !r.done, `${e.type}: of a response that is running`);
        if (e.type === 'response.done') {
            for (const item of r.items.values()) assert.equal(item.state, 'done', 'every item is done before its response');
            assert.deepEqual(e.response.output.map((o) => o.id), [...r.items.values()].map((i) => i.id));
            assert.notEqual(e.response.status, 'in_progress');
            assert.ok(e.response.usage);
            r.done = true;
            return;
        }
        const item = r.items.get(e.output_index);
        if (e.type === 'response.output_item.added') {
            assert.equal(e.output_index, r.items.size, 'items in their order');
            r.items.set(e.output_index, { id: e.item.id, state: 'open', part: e.item.type === 'message' ? 'none' : 'call', over: new Set() });
        } else if (e.type === 'response.output_item.done') {
            assert.ok(item.part === 'done' || item.over.has('response.function_call_arguments'), 'parts are done before their item');
            item.state = 'done';
        } else if (e.type === 'response.content_part.added') {
            assert.equal(item.part, 'none');
            item.part = 'open';
        } else if (e.type === 'response.content_part.done') {
            assert.equal(item.part, 'open');
            item.part = 'done';
        } else {
            const [, stream, what] = e.type.match(/^(response\.\w+)\.(delta|done)$/) ?? assert.fail(`unknown: ${e.type}`);
            assert.equal(item.id, e.item_id);
            assert.ok(['open', 'call'].includes(item.part), `${e.type} within its part`);
            assert.ok(!item.over.has(stream), `${e.type} after its end`);
            if (what === 'done') item.over.add(stream);
        }
    }
}

export class Realtime {
    /** Opens and waits for the session; `session` is what it is changed to (null: not even waited for). */
    static async open(server, model, session = {}, { protocols = ['realtime'], headers = {} } = {}) {
        const rt = new Realtime();
        rt.events = [];
        rt.order = new Order();
        rt.wake = () => {};
        const query = model ? `?model=${encodeURIComponent(model)}` : '';
        rt.socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}/v1/realtime${query}`, protocols, { headers });
        rt.socket.on('message', (data) => {
            const event = JSON.parse(data);
            rt.events.push(event);
            try {
                rt.order.check(event);
            } catch (error) {
                rt.broken ??= error;
            }
            rt.wake();
        });
        rt.closed = new Promise((resolve) => rt.socket.on('close', (code) => (resolve(code), rt.wake())));
        await new Promise((resolve, reject) => rt.socket.once('open', resolve).once('error', reject));
        if (session && Object.keys(session).length) {
            await rt.wait('session.created');
            rt.send({ type: 'session.update', session: { type: 'realtime', ...session } });
            await rt.wait('session.updated');
        }
        return rt;
    }
    /** The status with which opening is refused. */
    static async refusal(server, model, options, protocols = ['realtime']) {
        const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}/v1/realtime?model=${model}`, protocols, options);
        return new Promise((resolve, reject) => {
            socket.on('unexpected-response', (_, response) => (resolve(response.statusCode), socket.terminate()));
            socket.on('open', () => reject(new Error('it opened')));
            socket.on('error', () => {});
        });
    }
    send(event) {
        this.socket.send(JSON.stringify(event));
    }
    raw(data) {
        this.socket.send(data);
    }
    all(type) {
        return this.events.filter((e) => e.type === type);
    }
    joined(type) {
        return this.all(type).map((e) => e.delta).join('');
    }
    /** All sound so far. */
    sound() {
        return Buffer.concat(this.all('response.output_audio.delta').map((e) => Buffer.from(e.delta, 'base64')));
    }
    async until(ready, ms = 20000) {
        const end = Date.now() + ms;
        for (;;) {
            if (this.broken) throw this.broken;
            const value = ready();
            if (value) return value;
            const left = end - Date.now();
            if (left <= 0) throw new Error(`not within ${ms} ms; came: ${this.events.map((e) => e.type + (e.error ? `(${e.error.message})` : '')).slice(-30).join(', ')}`);
            await new Promise((resolve) => {
                const late = setTimeout(resolve, Math.min(left, 200));
                this.wake = () => (clearTimeout(late), resolve());
            });
        }
    }
    /** The n-th event of a type. */
    wait(type, n = 1, ms = 20000) {
        return this.until(() => this.all(type)[n - 1], ms);
    }
    /** Sends and gives the error that answers it. */
    async errorsOf(event) {
        const event_id = `mine_${this.events.length}_${Math.random()}`;
        this.send({ ...event, event_id });
        return (await this.until(() => this.all('error').find((e) => e.error.event_id === event_id))).error;
    }
    /** Sends sound (PCM, 24 kHz) as a microphone does, in pieces of 40 ms; `pace` 1 is as fast as it is spoken. */
    async speak(bytes, pace = 0) {
        const piece = 48 * 40;
        for (let at = 0; at < bytes.length; at += piece) {
            this.send({ type: 'input_audio_buffer.append', audio: bytes.subarray(at, at + piece).toString('base64') });
            if (pace) await new Promise((resolve) => setTimeout(resolve, 40 * pace));
        }
    }
    async close() {
        if (this.broken) throw this.broken;
        this.socket.close();
        await this.closed;
    }
}
