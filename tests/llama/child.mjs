// The llama child, driven over its own frames (src/engine/llama_wire.h), as the server drives it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export const program = process.env.EIDOLON_LLAMA ?? 'build/lib/eidolon-llama';
export const missing = existsSync(program) ? false : `${program} is not there: npm could not give llama.cpp`;

export class Child {
    #socket;
    #pending = [];
    #size = 0;
    #waiters = [];
    #answers = new Map();
    #id = 0;
    frames = []; // those that belong to no answer

    constructor({ program: path = program, args = [], quiet = true } = {}) {
        this.process = spawn(path, args, { stdio: ['ignore', 'ignore', quiet ? 'pipe' : 'inherit', 'pipe'] });
        this.stderr = '';
        this.process.stderr?.on('data', (data) => (this.stderr += data));
        this.exit = new Promise((done) => this.process.on('exit', (code, signal) => done({ code, signal })));
        this.exit.then(() => {
            this.gone = true;
            for (const w of this.#waiters.splice(0)) w.no(new Error(`the child is gone: ${this.stderr.slice(-500)}`));
            for (const a of this.#answers.values()) a.done({ ...a.result, gone: true });
        });
        this.#socket = this.process.stdio[3];
        this.#socket.on('data', (data) => this.#read(data));
        this.#socket.on('error', () => {});
    }

    #read(data) {
        this.#pending.push(data);
        this.#size += data.length;
        if (this.#size < 4) return;
        let all = this.#pending.length > 1 ? Buffer.concat(this.#pending) : this.#pending[0];
        while (all.length >= 4) {
            const n = all.readUInt32LE(0);
            if (all.length < 4 + n) break;
            this.#frame(JSON.parse(all.toString('utf8', 4, 4 + n)));
            all = all.subarray(4 + n);
        }
        this.#pending = [all];
        this.#size = all.length;
    }

    #frame(frame) {
        const answer = frame.id !== undefined && this.#answers.get(frame.id);
        if (answer) {
            const now = performance.now();
            const r = answer.result;
            if (frame.ev === 'delta') r.text += frame.text;
            if (frame.ev === 'reasoning') r.reasoning += frame.text;
            if (frame.ev === 'tool_call') r.calls.push(frame.call);
            if (['delta', 'reasoning', 'tool_call'].includes(frame.ev)) r.first ??= now - r.asked;
            r.frames++;
            answer.each?.(frame);
            if (['end', 'error', 'embedding'].includes(frame.ev)) {
                this.#answers.delete(frame.id);
                answer.done(Object.assign(r, frame, { took: now - r.asked }));
            }
            return;
        }
        const at = this.#waiters.findIndex((w) => w.events.includes(frame.ev));
        if (at >= 0) this.#waiters.splice(at, 1)[0].done(frame);
        else this.frames.push(frame);
    }

    send(frame) {
        const body = Buffer.from(JSON.stringify(frame));
        const head = Buffer.alloc(4);
        head.writeUInt32LE(body.length);
        this.#socket.write(Buffer.concat([head, body]));
    }

    raw(bytes) {
        this.#socket.write(bytes);
    }

    /** The next frame of one of these kinds that belongs to no answer. */
    next(...events) {
        const at = this.frames.findIndex((f) => events.includes(f.ev));
        if (at >= 0) return Promise.resolve(this.frames.splice(at, 1)[0]);
        if (this.gone) return Promise.reject(new Error('the child is gone'));
        return new Promise((done, no) => this.#waiters.push({ events, done, no }));
    }

    async load(path, options = {}) {
        this.send({ op: 'load', path, ...options });
        return this.next('loaded', 'failed');
    }

    /** Asks; the result has text, reasoning, calls, and the members of `end` or `error`. */
    ask(op, frame, each) {
        const id = ++this.#id;
        const result = { id, text: '', reasoning: '', calls: [], frames: 0, asked: performance.now() };
        const promise = new Promise((done) => this.#answers.set(id, { done, each, result }));
        this.send({ op, id, ...frame });
        promise.id = id;
        return promise;
    }

    generate(frame, each) {
        if (typeof frame === 'string') frame = { messages: [{ role: 'user', content: frame }] };
        return this.ask('generate', frame, each);
    }

    embed(texts) {
        return this.ask('embed', { texts });
    }

    cancel(id) {
        this.send({ op: 'cancel', id });
        this.#answers.delete(id);
    }

    async stats() {
        this.send({ op: 'stats' });
        return this.next('stats');
    }

    async end() {
        if (!this.gone) this.send({ op: 'end' });
        return this.exit;
    }
}
