// Models on this machine, with a stand-in for the child program that can crash, stall and talk nonsense: what the
// server makes of it. (llama.test.mjs runs the real one.)
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, unlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { gguf } from './lib/gguf.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

const child = fileURLToPath(new URL('lib/llama-child.mjs', import.meta.url));
const data = makeFolder();
const folder = join(data, 'models');
let server, client;

const put = (name, bytes = gguf()) => writeFileSync(join(folder, `${name}.gguf`), bytes);
const api = (method, path, body) => request(server, method, path, body);
const models = async () => (await api('GET', '/api/models')).body.data;
const model = async (name) => (await models()).find((m) => m.name === name);
const ask = (text) => [{ role: 'user', content: text }];

async function until(what, check, tries = 200) {
    for (let i = 0; i < tries; i++) {
        const value = await check();
        if (value) return value;
        await sleep(50);
    }
    throw new Error(`not within ${tries * 50} ms: ${what}`);
}

async function engine(name) {
    const made = await api('POST', `/api/models/${encodeURIComponent(name)}/engine`, {});
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
}

before(async () => {
    mkdirSync(folder);
    for (const name of ['Tiny', 'slow-load', 'stall-load', 'crash-load', 'fail-load', 'full-load']) put(name);
    writeFileSync(join(folder, 'junk.gguf'), '<html>not found</html>');
    put('short', gguf({ bytes: 8192 }));
    truncateSync(join(folder, 'short.gguf'), 4000);
    put('half-00001-of-00002');
    server = await startServer({ data, args: [`--llama.program=${child}`, '--llama.stall_timeout=1s'] });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'anything', maxRetries: 0 });
    for (const name of ['Tiny', 'slow-load', 'stall-load', 'crash-load', 'fail-load', 'full-load', 'junk', 'short', 'half']) await engine(name);
    const mia = await api('PATCH', '/api/personas/mia', { engine: 'tiny' });
    assert.equal(mia.status, 200, JSON.stringify(mia.body));
});
after(async () => {
    await server.stop();
    removeFolder(data);
});

test('the library, the list and what a file says of itself', async () => {
    const library = (await api('GET', '/api/models/library')).body;
    assert.deepEqual([library.found, library.version, library.release, library.backends, library.error], [true, 'stand-in', 'b0000', ['CPU'], null]);
    const tiny = await model('Tiny');
    assert.deepEqual([tiny.file, tiny.state, tiny.arch, tiny.context, tiny.quantization, tiny.parts, tiny.fits], ['Tiny.gguf', 'file', 'llama', 2048, 'Q8_0', 1, true]);
    const junk = await model('junk');
    assert.equal(junk.state, 'failed');
    assert.match(junk.error, /no GGUF/);
    assert.match((await model('short')).error, /cut short/);
});

test('an engine in one call', async () => {
    const again = await engine('Tiny');
    assert.deepEqual([again.name, again.provider, again.model, again.context_tokens], ['tiny', 'llama', 'Tiny', 1536]);
    const other = await api('POST', '/api/models/Tiny/engine', { name: 'junk' });
    assert.equal(errorOf(other, 409).param, 'name');
    errorOf(await api('POST', '/api/models/nobody/engine', {}), 404);
    assert.equal((await api('GET', '/api/providers/llama')).body.type, 'llama');
});

test('a persona speaks with it; prefixes are kept by room and persona', async () => {
    const room = await openRoom(server);
    await say(server, room, 'hello there');
    let events = await settled(server, room);
    const ended = events.filter((e) => e.kind === 'turn.ended').at(-1);
    assert.deepEqual([ended.data.outcome, ended.data.engine], ['done', 'tiny']);
    assert.match(events.filter((e) => e.kind === 'message').at(-1).data.text, /^You said: .*hello there/s);
    await say(server, room, 'and again');
    await settled(server, room);
    const loaded = await model('Tiny');
    assert.equal(loaded.state, 'loaded');
    assert.equal(loaded.answers, 2);
    const metrics = (await api('GET', '/metrics')).body;
    assert.match(metrics, /eidolon_llama_memory_bytes\{model="Tiny"\} 1048576/);
    const known = await until('figures', async () => ((await model('Tiny')).stats?.cached_tokens > 0 ? await model('Tiny') : null));
    assert.equal(known.stats.ev, undefined);
    assert.equal(known.stats.tokens_per_second, 120.5);
});

test('the official client: whole, streamed, usage, thoughts, tools, formats', async () => {
    const whole = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('hello') });
    assert.equal(whole.object, 'chat.completion');
    assert.equal(whole.model, 'engine/tiny');
    assert.equal(whole.choices[0].message.content, 'You said: hello');
    assert.equal(whole.choices[0].finish_reason, 'stop');
    assert.ok(whole.usage.total_tokens > 0);

    const stream = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('think'), stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(chunks.map((c) => c.choices[0]?.delta.reasoning_content ?? '').join(''), 'Let me think. ');
    assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), 'You said: think');
    assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);

    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const called = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('tools'), tools });
    assert.equal(called.choices[0].finish_reason, 'tool_calls');
    assert.equal(called.choices[0].message.content, null);
    assert.deepEqual(called.choices[0].message.tool_calls[0].function, { name: 'weather', arguments: '{"city":"Porto"}' });

    const schema = { type: 'object', properties: { a: { type: 'integer' } } };
    const dumped = await client.chat.completions.create({
        model: 'engine/tiny', messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: [{ type: 'text', text: 'dump' }] }], temperature: 0.5, top_p: 0.9, seed: 7, stop: ['END'],
        max_completion_tokens: 33, top_k: 20, min_p: 0.1, repeat_penalty: 1.2, presence_penalty: 0.3, user: 'ana', response_format: { type: 'json_schema', json_schema: { name: 'x', schema } }
    });
    const seen = JSON.parse(dumped.choices[0].message.content);
    assert.deepEqual(seen.sampling, { temperature: 0.5, top_p: 0.9, min_p: 0.1, repeat_penalty: 1.2, presence_penalty: 0.3, top_k: 20, seed: 7, max_tokens: 33, stop: ['END'] });
    assert.deepEqual(seen.json_schema, schema);
    assert.deepEqual(seen.messages, [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'dump' }]);
    assert.equal(seen.key, 'ana');
    const json = JSON.parse((await client.chat.completions.create({ model: 'engine/tiny', messages: ask('dump'), response_format: { type: 'json_object' } })).choices[0].message.content);
    assert.equal(json.json, true);

    const cut = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('one two three four five'), max_tokens: 3 });
    assert.equal(cut.choices[0].finish_reason, 'length');
    await assert.rejects(client.chat.completions.create({ model: 'engine/tiny', messages: ask('context') }), (e) => e.status === 422 && e.code === 'context_too_long');
    await assert.rejects(client.chat.completions.create({ model: 'engine/tiny', messages: ask('broken') }), (e) => e.status === 422 && /grammar/.test(e.message));
    await assert.rejects(client.chat.completions.create({ model: 'engine/tiny', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }), (e) => /text only/.test(e.message));
    await assert.rejects(client.chat.completions.create({ model: 'engine/tiny', messages: ask('x'), logprobs: true }), (e) => /logprobs/.test(e.message));
});

test('sampling of the engine’s settings reaches the model', async () => {
    const made = await api('PUT', '/api/engines/warm', { provider: 'llama', model: 'Tiny', temperature: 0.7, top_k: 40, min_p: 0.05, repeat_penalty: 1.1 });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.deepEqual([made.body.top_k, made.body.min_p, made.body.repeat_penalty], [40, 0.05, 1.1]);
    const seen = JSON.parse((await client.chat.completions.create({ model: 'engine/warm', messages: ask('dump') })).choices[0].message.content);
    assert.deepEqual(seen.sampling, { temperature: 0.7, top_k: 40, min_p: 0.05, repeat_penalty: 1.1 });
});

test('killed in the middle of an answer: the turn fails in words, the next one works', async () => {
    const room = await openRoom(server);
    await say(server, room, 'crash');
    let ended = (await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1);
    assert.equal(ended.data.outcome, 'failed');
    assert.match(JSON.stringify(ended.data.error), /model process was ended by signal 9/);
    await say(server, room, 'are you back?');
    ended = (await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1);
    assert.equal(ended.data.outcome, 'done', JSON.stringify(ended.data));
    const stream = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('crash'), stream: true });
    await assert.rejects(async () => { for await (const _ of stream); }, /signal 9/);
});

test('nonsense, an absurd frame and silence end the process, not the server', async () => {
    for (const [text, why] of [['garbage', /makes no sense/], ['huge', /model process/], ['stall', /silent/]]) {
        const began = Date.now();
        await assert.rejects(async () => { for await (const _ of await client.chat.completions.create({ model: 'engine/tiny', messages: ask(text), stream: true })); }, why, text);
        assert.ok(Date.now() - began < 8000);
        const next = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('still there') });
        assert.equal(next.choices[0].message.content, 'You said: still there');
    }
});

test('loading: progress, and every failure is a sentence that reaches who asked', async () => {
    const began = Date.now();
    const answering = client.chat.completions.create({ model: 'engine/slow-load', messages: ask('hello') });
    const seen = await until('progress', async () => { const m = await model('slow-load'); return m.state === 'loading' && m.progress > 0.2 && m; });
    assert.ok(seen.progress < 1);
    assert.equal((await answering).choices[0].message.content, 'You said: hello');
    assert.ok(Date.now() - began > 900);
    for (const [name, why] of [['fail-load', /makes no sense to llama/], ['full-load', /does not fit/], ['crash-load', /signal 11/], ['stall-load', /silent/], ['junk', /no GGUF/], ['short', /cut short/], ['half', /2 parts .* only 1/]]) {
        await assert.rejects(client.chat.completions.create({ model: `engine/${name}`, messages: ask('hello') }), (e) => e.status === 503 && why.test(e.message), name);
        const failed = await model(name);
        assert.equal(failed.state, 'failed', name);
        assert.match(failed.error, why);
        const at = Date.now();
        await assert.rejects(client.chat.completions.create({ model: `engine/${name}`, messages: ask('hello') }), why);
        assert.ok(Date.now() - at < 500, `${name} is not tried again at once`);
    }
    /* By hand it is; and another file in its place is another matter. */
    const loaded = await api('POST', '/api/models/full-load/load');
    assert.equal(loaded.body.state, 'loading');
    put('junk');
    assert.equal((await client.chat.completions.create({ model: 'engine/junk', messages: ask('hi') })).choices[0].message.content, 'You said: hi');
    await assert.rejects(client.chat.completions.create({ model: 'engine/short', messages: ask('hi') }), /cut short/);
    await api('PUT', '/api/engines/gone', { provider: 'llama', model: 'Tinny' });
    await assert.rejects(client.chat.completions.create({ model: 'engine/gone', messages: ask('hi') }), /no model called 'Tinny'.*Tiny/);
});

test('a client that leaves takes its answer back; unloading waits for answers', async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create({ model: 'engine/tiny', messages: ask('long'), stream: true }, { signal: controller.signal });
    await stream[Symbol.asyncIterator]().next(); /* leaving a loop would end the stream */
    errorOf(await api('POST', '/api/models/Tiny/unload'), 503);
    controller.abort();
    await until('idle', async () => (await api('POST', '/api/models/Tiny/unload')).status === 200);
    assert.equal((await model('Tiny')).state, 'file');
});

test('eight rooms at once are in one model', async () => {
    const rooms = await Promise.all(Array.from({ length: 8 }, (_, i) => openRoom(server, ['mia'], `room ${i}`)));
    await Promise.all(rooms.map((room) => say(server, room, 'one two three four five six seven eight')));
    for (const room of rooms) assert.equal((await settled(server, room)).filter((e) => e.kind === 'turn.ended').at(-1).data.outcome, 'done');
    await until('the counter', async () => (await model('Tiny')).stats?.batch_sequences_max >= 6);
});

test('memory: the longest unused model makes room, and what can never fit says so', async () => {
    const set = (values) => api('PUT', '/api/config', values);
    assert.equal((await set({ 'llama.max_loaded': 1 })).status, 200);
    put('other');
    await engine('other');
    await client.chat.completions.create({ model: 'engine/other', messages: ask('hi') });
    assert.deepEqual([(await model('other')).state, (await model('Tiny')).state, (await model('slow-load')).state], ['loaded', 'file', 'file']);
    await set({ 'llama.memory': '1M' });
    await assert.rejects(client.chat.completions.create({ model: 'engine/tiny', messages: ask('hi') }), /needs about .* GB.*llama\.memory/);
    await set({ 'llama.memory': null, 'llama.max_loaded': null, 'llama.idle_timeout': '1s' });
    await api('POST', '/api/models/Tiny/load');
    await until('loaded', async () => (await model('Tiny')).state === 'loaded');
    await until('unloaded for idleness', async () => (await model('Tiny')).state === 'file');
    await set({ 'llama.idle_timeout': null });
});

test('embeddings: by the engine’s name or the model’s, as numbers or base64', async () => {
    const one = await client.embeddings.create({ model: 'engine/tiny', input: 'hello', encoding_format: 'float' });
    assert.equal(one.data[0].embedding.length, 8);
    const two = await client.embeddings.create({ model: 'engine/tiny', input: ['hello', 'other'] }); /* the client asks for base64 */
    assert.equal(two.data.length, 2);
    two.data[0].embedding.forEach((x, i) => assert.ok(Math.abs(x - one.data[0].embedding[i]) < 1e-6));
    assert.ok(two.usage.total_tokens > 0);
    await assert.rejects(client.embeddings.create({ model: 'Tiny', input: 'x' }), (e) => e.status === 404);
    assert.equal((await api('PUT', '/api/config', { 'llama.embedding': 'Tiny' })).status, 200);
    assert.equal((await client.embeddings.create({ model: 'Tiny', input: 'x' })).data.length, 1);
    for (const [body, why] of [[{ dimensions: 4 }, /dimensions/], [{ input: [] }, /input/], [{ input: [1, 2] }, /input/], [{ input: '' }, /input/], [{ model: 'engine/scripted' }, /on this machine/]])
        await assert.rejects(client.embeddings.create({ model: 'engine/tiny', input: 'x', ...body }), why);
    await assert.rejects(client.embeddings.create({ model: 'engine/junk2', input: 'x' }), (e) => e.status === 404);
    await assert.rejects(client.embeddings.create({ model: 'engine/short', input: 'x' }), /cut short/);
});

test('deleting', async () => {
    assert.equal((await api('DELETE', '/api/models/slow-load')).status, 204);
    assert.equal(await model('slow-load'), undefined);
    errorOf(await api('DELETE', '/api/models/slow-load'), 404);
    errorOf(await api('DELETE', `/api/models/${encodeURIComponent('../eidolon')}`), 404);
});
