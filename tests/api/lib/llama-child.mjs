#!/usr/bin/env node
// A stand-in for lib/eidolon-llama that speaks src/engine/llama_wire.h and misbehaves on request.
//
// While loading, by the file's name: slow-load (1 s of progress), stall-load, crash-load, fail-load (malformed),
// full-load (too_large), mute (no hello), liar (hello that is no JSON). While answering, by the last user message:
//   crash      two pieces, then killed by signal 9        stall    one piece, then nothing, figures standing still
//   garbage    one piece, then a frame that is no JSON    long     200 pieces, 10 ms apart
//   think      thoughts, then the answer                  dump     the request it got, as JSON
//   tools      a call of the first tool, in two pieces    context  an error: context_too_long
//   huge       a length that no frame may have            broken   an error: malformed
// Anything else: "You said: " and the message, a word at a time. Embeddings are made of letters.
import { Socket } from 'node:net';

const wire = new Socket({ fd: 3, readable: true, writable: true });
const send = (object) => raw(JSON.stringify(object));
function raw(text) {
    const bytes = Buffer.from(text);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    wire.write(Buffer.concat([head, bytes]));
}
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let frozen = false;
const state = { model: '', running: new Map(), batches: 0, most: 0, decoded: 0, prompt: 0, cached: 0, seen: new Map(), still: null };

async function load(op) {
    const name = op.path.split('/').pop();
    state.model = name;
    if (name.includes('crash-load')) process.kill(process.pid, 'SIGSEGV');
    if (name.includes('stall-load')) return;
    if (name.includes('fail-load')) return send({ ev: 'failed', code: 'malformed', sentence: 'The model file makes no sense to llama.cpp.' });
    if (name.includes('full-load')) return send({ ev: 'failed', code: 'too_large', sentence: 'The model does not fit into the memory that is left.' });
    if (name.includes('slow-load'))
        for (let i = 1; i <= 10; i++) {
            send({ ev: 'progress', fraction: i / 10 });
            await sleep(100);
        }
    send({
        ev: 'loaded', model: { arch: 'llama', name, parameters: 1000, size_bytes: 4096, quantization: 'F32', context_train: 2048, embedding: 64, vocabulary: 256, template: true },
        context: op.context, sequences: op.sequences, threads: op.threads, gpu_layers: op.gpu_layers, memory_bytes: 1 << 20
    });
}

const textOf = (content) => (typeof content === 'string' ? content : '');

function words(op) {
    const last = [...op.messages].reverse().find((m) => m.role === 'user');
    const said = textOf(last?.content).trim();
    if (said === 'dump') return { said, pieces: [JSON.stringify(op)] };
    if (said === 'long') return { said, pieces: Array.from({ length: 200 }, (_, i) => `word${i} `), pause: 10 };
    return { said, pieces: `You said: ${said}`.split(/(?<= )/), pause: 5 };
}

async function generate(op) {
    const { said, pieces, pause = 0 } = words(op);
    const { id } = op;
    const prompt = Math.ceil(JSON.stringify(op.messages).length / 4);
    const cached = op.key ? Math.min(prompt - 1, state.seen.get(op.key) ?? 0) : 0;
    if (op.key) state.seen.set(op.key, prompt);
    state.prompt += prompt - cached;
    state.cached += cached;
    state.running.set(id, true);
    await sleep(20);
    if (said === 'context') { state.running.delete(id); return send({ ev: 'error', id, code: 'context_too_long', sentence: 'The conversation is longer than the context of 2048 tokens.' }); }
    if (said === 'broken') { state.running.delete(id); return send({ ev: 'error', id, code: 'malformed', sentence: 'The schema cannot be turned into a grammar.' }); }
    if (said === 'think') send({ ev: 'reasoning', id, text: 'Let me think. ' });
    let finish = 'stop', completion = 0;
    if (op.tools?.length && said === 'tools') {
        const call = { index: 0, id: 'call_1', type: 'function', function: { name: op.tools[0].function.name, arguments: '{"city"' } };
        send({ ev: 'tool_call', id, call });
        send({ ev: 'tool_call', id, call: { index: 0, function: { arguments: ':"Porto"}' } } });
        finish = 'tool_calls';
        completion = 2;
    } else {
        for (const text of pieces) {
            if (!state.running.get(id)) return;
            if (op.sampling?.max_tokens && completion >= op.sampling.max_tokens) { finish = 'length'; break; }
            state.batches++;
            state.most = Math.max(state.most, state.running.size);
            state.decoded++;
            completion++;
            send({ ev: 'delta', id, text });
            if (said === 'crash' && completion === 2) { await sleep(30); process.kill(process.pid, 'SIGKILL'); }
            if (said === 'stall') { frozen = true; return; }
            if (said === 'garbage') return raw('{"ev":');
            if (said === 'huge') { const head = Buffer.alloc(4); head.writeUInt32LE(0xfffffff0); return wire.write(head); }
            if (pause) await sleep(pause);
        }
    }
    if (!state.running.delete(id)) return;
    send({ ev: 'end', id, finish, usage: { prompt, completion, cached }, timings: { queue_ms: 0, prompt_ms: 20, first_ms: 21, decode_ms: 50 } });
}

function stats() {
    if (frozen && state.still) return send(state.still);
    state.still = {
        ev: 'stats', queue: 0, running: state.running.size, sequences: 8, kv_used: state.decoded, kv_size: 2048, batches: state.batches, batch_tokens: state.decoded,
        batch_sequences_max: state.most, prompt_tokens: state.prompt, prompt_ms: 20, cached_tokens: state.cached, decode_tokens: state.decoded, decode_ms: 50,
        memory_bytes: 1 << 20, tokens_per_second: 120.5
    };
    send(state.still);
}

function embed(op) {
    const vectors = op.texts.map((text) => Array.from({ length: 8 }, (_, i) => ((text.charCodeAt(i % Math.max(1, text.length)) || 0) % 97) / 97));
    send({ ev: 'embedding', id: op.id, vectors, usage: { prompt: op.texts.join(' ').length } });
}

function take(op) {
    if (op.op === 'load') load(op);
    else if (op.op === 'generate') generate(op);
    else if (op.op === 'embed') embed(op);
    else if (op.op === 'cancel') state.running.delete(op.id);
    else if (op.op === 'stats') stats();
    else if (op.op === 'end') process.exit(0);
}

let rest = Buffer.alloc(0);
wire.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
        const n = rest.readUInt32LE(0);
        take(JSON.parse(rest.subarray(4, 4 + n).toString()));
        rest = rest.subarray(4 + n);
    }
});
wire.on('close', () => process.exit(0));
wire.on('error', () => process.exit(0));
const how = process.env.LANG ?? '';
if (how === 'liar') raw('hello');
else send({ ev: 'hello', version: 'stand-in', release: 'b0000', backends: ['CPU'] });
