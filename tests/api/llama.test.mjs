// Models on this machine for real: lib/eidolon-llama with llama.cpp, and tiny models of random weights (tools/make_gguf).
// What they say is nonsense; that it streams, survives and shares a batch is what is looked at. Left out, with a word,
// where the child could not be built (no npm). EIDOLON_LLAMA and EIDOLON_MAKE_GGUF name other ones.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { openRoom, say, settled } from './lib/talk.mjs';
import { sse } from './lib/streams.mjs';

const child = resolve(process.env.EIDOLON_LLAMA ?? 'build/lib/eidolon-llama');
const maker = process.env.EIDOLON_MAKE_GGUF ?? 'build/release/tools/make_gguf';
const skip = existsSync(child) && existsSync(maker) ? false : `${child} or ${maker} is not there: make llama, make ${maker}`;
const data = makeFolder();
let server, client;

const api = (method, path, body) => request(server, method, path, body);
const model = async (name) => (await api('GET', `/api/models/${name}`)).body;
const ask = (text) => [{ role: 'user', content: text }];
async function until(what, check, tries = 400) {
    for (let i = 0; i < tries; i++) {
        const value = await check();
        if (value) return value;
        await sleep(50);
    }
    throw new Error(`not within ${tries * 50} ms: ${what}`);
}
/** The processes of the child program whose parent is the server. */
function children() {
    return readdirSync('/proc').filter((pid) => {
        try {
            return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(server.child.pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('eidolon-llama');
        } catch {
            return false;
        }
    });
}

before(async () => {
    if (skip) return;
    mkdirSync(join(data, 'models'));
    for (const kind of ['tiny', 'endless', 'embed', 'tools']) execFileSync(maker, [kind, join(data, 'models', `${kind}.gguf`)]);
    server = await startServer({ data, args: [`--llama.program=${child}`, '--llama.context=32768', '--memory.recall_limit=0', '--llama.threads=1'] });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'anything', maxRetries: 0, timeout: 60_000 });
    for (const name of ['tiny', 'endless', 'embed', 'tools']) {
        const made = await api('POST', `/api/models/${name}/engine`, { name: `${name}-engine` });
        assert.equal(made.status, 201, JSON.stringify(made.body));
    }
    await api('PUT', '/api/engines/short', { provider: 'llama', model: 'endless', max_tokens: 24, seed: 7, context_tokens: 500 });
    await api('PUT', '/api/engines/long', { provider: 'llama', model: 'endless', max_tokens: 4000, context_tokens: 500 });
    await api('PATCH', '/api/personas/mia', { engine: 'short' });
    await api('PATCH', '/api/personas/lyra', { engine: 'long' });
});
after(async () => {
    if (server) {
        await server.stop();
        assert.deepEqual(children(), [], 'no child outlives the server');
    }
    removeFolder(data);
});

test('the library is found, and files say what they are', { skip }, async () => {
    const library = (await api('GET', '/api/models/library')).body;
    assert.equal(library.found, true, library.error);
    assert.ok(library.release && library.backends.length > 0);
    const tiny = await model('tiny');
    assert.equal(tiny.state, 'file', tiny.error);
    assert.ok(tiny.arch && tiny.context > 0 && tiny.parameters > 0);
    assert.equal((await model('embed')).embeds, true);
});

test('it streams through a persona; a second turn does not read the first again', { skip }, async () => {
    const room = await openRoom(server, ['mia']);
    const events = [];
    const answer = await fetch(`${server.url}/api/rooms/${room}/messages`, {
        method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: JSON.stringify({ text: 'Hello, tell me something.' })
    });
    for await (const event of sse(answer)) events.push(event.data);
    const ended = events.find((e) => e.kind === 'turn.ended');
    assert.equal(ended.data.outcome, 'done', JSON.stringify(ended.data));
    assert.ok(events.filter((e) => e.kind === 'delta').length > 3);
    assert.equal(ended.data.engine, 'short');
    const cached = async () => (await model('endless')).stats?.cached_tokens ?? 0;
    await until('figures', async () => (await model('endless')).stats?.decode_tokens > 0);
    const before = await cached();
    await say(server, room, 'And something else?');
    const second = (await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1);
    assert.equal(second.data.outcome, 'done');
    await until('the prefix was kept', async () => (await cached()) > before + 100);
});

test('a plain engine and the official client', { skip }, async () => {
    const whole = await client.chat.completions.create({ model: 'engine/short', messages: ask('hello'), seed: 3, temperature: 0 });
    assert.equal(whole.choices[0].finish_reason, 'length');
    assert.equal(whole.usage.completion_tokens, 24);
    assert.ok(whole.choices[0].message.content.length > 0);
    const again = await client.chat.completions.create({ model: 'engine/short', messages: ask('hello'), seed: 3, temperature: 0 });
    assert.equal(again.choices[0].message.content, whole.choices[0].message.content);
    const stream = await client.chat.completions.create({ model: 'engine/short', messages: ask('hello'), seed: 3, temperature: 0, stream: true, stream_options: { include_usage: true } });
    let text = '', usage, chunks = 0;
    for await (const chunk of stream) {
        text += chunk.choices[0]?.delta?.content ?? '';
        usage = chunk.usage ?? usage;
        chunks++;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(usage.completion_tokens, 24);
    assert.ok(chunks > 3);
    const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['n'], additionalProperties: false };
    const formed = await client.chat.completions.create({ model: 'engine/tiny-engine', messages: ask('a number'), max_tokens: 60, response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } });
    if (formed.choices[0].finish_reason === 'stop') assert.deepEqual(Object.keys(JSON.parse(formed.choices[0].message.content)), ['n']);
    await assert.rejects(client.chat.completions.create({ model: 'engine/short', messages: ask('word '.repeat(20000)) }), (e) => e.status === 422 && e.code === 'context_too_long');
});

test('embeddings', { skip }, async () => {
    const answer = await client.embeddings.create({ model: 'engine/embed-engine', input: ['one text', 'another one', 'one text'] });
    const [a, b, c] = answer.data.map((d) => d.embedding);
    assert.ok(a.length > 8 && a.length === b.length);
    const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
    assert.ok(Math.abs(dot(a, a) - 1) < 1e-3);
    assert.ok(Math.abs(dot(a, c) - 1) < 1e-2);
    assert.ok(answer.usage.prompt_tokens > 0);
});

test('killed in mid-answer: the turn fails in words, the next one works', { skip }, async () => {
    const room = await openRoom(server, ['lyra']);
    await say(server, room, 'Go on and on.');
    await until('the answer began', async () => (await model('endless')).stats?.running > 0);
    assert.ok(children().length > 0);
    for (const pid of children()) process.kill(Number(pid), 'SIGKILL');
    const ended = (await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1);
    assert.equal(ended.data.outcome, 'failed');
    assert.match(JSON.stringify(ended.data.error), /model process was ended by signal 9/);
    const next = await client.chat.completions.create({ model: 'engine/short', messages: ask('are you back?') });
    assert.equal(next.usage.completion_tokens, 24);
    assert.equal((await model('endless')).state, 'loaded');
});

test('eight rooms at once share one batch', { skip }, async () => {
    await api('PUT', '/api/engines/short', { provider: 'llama', model: 'endless', max_tokens: 160, context_tokens: 500 });
    const rooms = await Promise.all(Array.from({ length: 8 }, (_, i) => openRoom(server, ['mia'], `room ${i}`)));
    await Promise.all(rooms.map((room, i) => say(server, room, `This is room ${i}.`)));
    for (const room of rooms) {
        const { data } = (await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1);
        assert.equal(data.outcome, 'done', JSON.stringify(data));
    }
    const stats = await until('the counter', async () => {
        const { stats } = await model('endless');
        return stats?.batch_sequences_max >= 8 && stats;
    });
    assert.ok(stats.batches < stats.batch_tokens);
});

test('what the file promises and what it is: junk, and one that does not fit', { skip }, async () => {
    await api('PUT', '/api/config', { 'llama.memory': '1M' });
    await api('POST', '/api/models/endless/unload?force=true');
    await assert.rejects(client.chat.completions.create({ model: 'engine/short', messages: ask('hi') }), /llama\.memory/);
    await api('PUT', '/api/config', { 'llama.memory': null });
    const loaded = await api('POST', '/api/models/endless/load');
    assert.notEqual(loaded.body.state, 'failed');
    await until('loaded', async () => (await model('endless')).state === 'loaded');
    const answer = await client.chat.completions.create({ model: 'engine/short', messages: ask('hi'), max_tokens: 8 });
    assert.equal(answer.usage.completion_tokens, 8);
});
