// The official client of OpenAI, against personas and against an engine that points at an OpenAI-format server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { addEngine } from './lib/talk.mjs';
import { sse } from './lib/streams.mjs';

const SECRET = 'sk-the-real-key';
let server, models, client;
before(async () => {
    server = await startServer();
    models = await startOpenAI({ key: SECRET });
    for (const model of ['ok', 'echo', 'slow', 'long', 'tools', 'rate-limit', 'context', 'error-in-stream', 'html', 'cut', 'quota'])
        await addEngine(server, models.url, model, model, { api_key: SECRET, settings: { retries: '0' } });
    await addEngine(server, models.url, 'locked-out', 'ok', { api_key: 'sk-wrong' });
    await addEngine(server, 'http://127.0.0.1:9/v1', 'nobody', 'x', { settings: { retries: '0' } });
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    await request(server, 'POST', '/api/personas', { name: 'Tooled', slug: 'tooled', engine: 'tools' });
    await request(server, 'POST', '/api/personas', { name: 'Slow', slug: 'slow-one', engine: 'slow' });
    await request(server, 'POST', '/api/personas', { name: 'Echo', slug: 'echo-one', engine: 'echo' });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'anything', maxRetries: 0 });
});
after(async () => {
    await server.stop();
    await models.close();
    removeFolder(server.data);
});

const ask = (text) => [{ role: 'user', content: text }];

async function collect(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return { chunks, text: chunks.map((c) => c.choices[0]?.delta?.content ?? '').join('') };
}

test('models: every persona and every engine', async () => {
    const ids = [];
    for await (const model of client.models.list()) {
        assert.equal(model.object, 'model');
        assert.equal(typeof model.created, 'number');
        ids.push(model.id);
    }
    for (const id of ['mia', 'kimi', 'tooled', 'engine/ok', 'engine/scripted']) assert.ok(ids.includes(id), id);
    assert.equal((await client.models.retrieve('mia')).id, 'mia');
    assert.equal((await client.models.retrieve('engine/ok')).id, 'engine/ok');
    await assert.rejects(client.models.retrieve('nobody-here'), (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
});

test('a persona answers', async () => {
    const answer = await client.chat.completions.create({ model: 'mia', messages: ask('Hello, who are you?') });
    assert.equal(answer.object, 'chat.completion');
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.model, 'mia');
    assert.equal(answer.choices.length, 1);
    assert.equal(answer.choices[0].message.role, 'assistant');
    assert.ok(answer.choices[0].message.content.length > 0);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
});

test('chunks are as OpenAI sends them', async () => {
    for (const extra of [{}, { user: 'chunks' }]) {
        const stream = await client.chat.completions.create({ model: 'mia', messages: ask('Hello!'), stream: true, stream_options: { include_usage: true }, ...extra });
        const { chunks, text } = await collect(stream);
        assert.ok(text.length > 0);
        assert.deepEqual(chunks[0].choices[0].delta.role, 'assistant');
        assert.equal(chunks[0].choices[0].delta.content, '');
        const last = chunks.at(-1);
        assert.deepEqual(last.choices, []);
        assert.ok(last.usage.total_tokens > 0);
        const finish = chunks.at(-2);
        assert.deepEqual(finish.choices[0].delta, {});
        assert.equal(finish.choices[0].finish_reason, 'stop');
        for (const chunk of chunks) {
            assert.equal(chunk.object, 'chat.completion.chunk');
            assert.equal(chunk.id, chunks[0].id);
            if (chunk !== last) assert.equal(chunk.usage, null);
        }
        for (const chunk of chunks.slice(0, -2)) assert.equal(chunk.choices[0].finish_reason, null);
    }
    const plain = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ model: 'mia', messages: ask('Hello!'), stream: true })
    });
    assert.match(plain.headers.get('content-type'), /^text\/event-stream/);
    const data = [];
    for await (const message of sse(plain)) data.push(message.data);
    assert.equal(data.at(-1), '[DONE]');
    assert.ok(!data.slice(0, -1).some((chunk) => 'usage' in chunk), 'no usage where none was asked for');
});

test('with `user` a persona remembers, and the last message is said in one room', async () => {
    await client.chat.completions.create({ model: 'mia', user: 'ana', messages: ask('My name is Ana and my cat is called Pixel.') });
    await new Promise((r) => setTimeout(r, 300));
    const answer = await client.chat.completions.create({ model: 'mia', user: 'ana', messages: ask('What is my cat called?') });
    assert.match(answer.choices[0].message.content, /Pixel/);
    const rooms = (await request(server, 'GET', '/api/rooms?limit=200')).body.data.filter((r) => r.title.includes('ana'));
    assert.equal(rooms.length, 1);
    const said = (await allEvents(server, rooms[0].id)).filter((e) => e.kind === 'message' && e.author.type === 'user');
    assert.equal(said.length, 2);
    await client.chat.completions.create({ model: 'mia', metadata: { room: 'project-x' }, messages: ask('Hello') });
    const count = (await request(server, 'GET', '/api/rooms?limit=200')).body.data.length;
    await client.chat.completions.create({ model: 'mia', messages: ask('Hello') });
    assert.equal((await request(server, 'GET', '/api/rooms?limit=200')).body.data.length, count, 'without a key nothing is kept');
});

test('a persona sees the messages it is given, and keeps to its own texts', async () => {
    const answer = await client.chat.completions.create({
        model: 'echo-one',
        messages: [{ role: 'system', content: 'Be brief.' }, ...ask('first'), { role: 'assistant', content: 'ok' }, ...ask('echo this 😀')]
    });
    assert.equal(answer.choices[0].message.content, 'echo this 😀');
    const sent = models.requests.at(-1).body.messages;
    assert.equal(sent[0].role, 'system');
    assert.match(JSON.stringify(sent), /Echo/);
    assert.match(JSON.stringify(sent), /Be brief/);
    assert.deepEqual(sent.filter((m) => m.role !== 'system').map((m) => m.content), ['first', 'ok', 'echo this 😀']);
});

test('stop, max_tokens, temperature and seed are kept', async () => {
    const ok = { model: 'echo-one', temperature: 0.25, seed: 7, max_tokens: 50 };
    await client.chat.completions.create({ ...ok, messages: ask('x') });
    const sent = models.requests.at(-1).body;
    assert.equal(sent.temperature, 0.25);
    assert.equal(sent.seed, 7);
    const stopped = await client.chat.completions.create({ model: 'echo-one', messages: ask('one two three STOP four'), stop: ['STOP'] });
    assert.equal(stopped.choices[0].message.content, 'one two three ');
    assert.equal(stopped.choices[0].finish_reason, 'stop');
    const streamed = await collect(await client.chat.completions.create({ model: 'echo-one', messages: ask('one two three STOP four'), stop: 'STOP', stream: true }));
    assert.equal(streamed.text, 'one two three ');
    const short = await client.chat.completions.create({ model: 'echo-one', messages: ask('é'.repeat(100)), max_tokens: 5 });
    assert.equal(short.choices[0].finish_reason, 'length');
    assert.equal(short.choices[0].message.content, 'é'.repeat(10));
});

test('tools reach a persona\'s engine, and its calls come back', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const answer = await client.chat.completions.create({ model: 'tooled', messages: ask('weather?'), tools, stream: true });
    const { chunks } = await collect(answer);
    assert.deepEqual(models.requests.at(-1).body.tools, tools);
    const calls = chunks.flatMap((c) => c.choices[0]?.delta?.tool_calls ?? []);
    assert.equal(calls[0].function.name, 'weather');
    JSON.parse(calls.map((c) => c.function.arguments ?? '').join(''));
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
});

test('an engine is passed through', async () => {
    const whole = await client.chat.completions.create({ model: 'engine/ok', messages: ask('hi'), some_new_field: { x: [1.50] } });
    assert.equal(whole.choices[0].message.content, 'Hello from the model.');
    assert.deepEqual(models.requests.at(-1).body.some_new_field, { x: [1.5] });
    assert.equal(models.requests.at(-1).body.model, 'ok');
    assert.equal(models.requests.at(-1).headers.authorization, `Bearer ${SECRET}`);
    const streamed = await collect(await client.chat.completions.create({ model: 'engine/ok', messages: ask('hi'), stream: true, stream_options: { include_usage: true } }));
    assert.equal(streamed.text, 'Hello from the model.');
    assert.ok(streamed.chunks.at(-1).usage.total_tokens > 0);
    const scripted = await client.chat.completions.create({ model: 'engine/scripted', messages: ask('Hello!') });
    assert.ok(scripted.choices[0].message.content.length > 0);
});

test('a client that aborts stops the generation', async () => {
    const before = models.aborted;
    for (const model of ['engine/long', 'engine/slow']) {
        const stream = await client.chat.completions.create({ model, messages: ask('go on'), stream: true });
        for await (const chunk of stream) {
            assert.ok(chunk);
            break;
        }
        stream.controller.abort();
    }
    const persona = await client.chat.completions.create({ model: 'slow-one', messages: ask('go on'), stream: true, user: 'leaves' });
    for await (const chunk of persona) if (chunk.choices[0]?.delta?.content) break;
    persona.controller.abort();
    for (let tries = 0; models.aborted < before + 2; tries++) {
        assert.ok(tries < 200, `only ${models.aborted - before} were stopped`);
        await new Promise((r) => setTimeout(r, 25));
    }
    const room = (await request(server, 'GET', '/api/rooms?limit=200')).body.data.find((r) => r.title.includes('leaves'));
    for (let tries = 0; ; tries++) {
        const ended = (await allEvents(server, room.id)).find((e) => e.kind === 'turn.ended');
        if (ended) {
            assert.equal(ended.data.outcome, 'cancelled');
            break;
        }
        assert.ok(tries < 200);
        await new Promise((r) => setTimeout(r, 25));
    }
});

test('errors are those that the client knows', async () => {
    const cases = [
        [{ model: 'nobody-here', messages: ask('x') }, OpenAI.NotFoundError, 'model_not_found'],
        [{ model: 'engine/none', messages: ask('x') }, OpenAI.NotFoundError, 'model_not_found'],
        [{ model: 'mia', messages: [] }, OpenAI.BadRequestError],
        [{ model: 'mia', messages: [{ role: 'wizard', content: 'x' }] }, OpenAI.BadRequestError],
        [{ model: 'mia', messages: [{ role: 'user' }] }, OpenAI.BadRequestError],
        [{ model: 'mia', messages: ask('x'), n: 2 }, OpenAI.BadRequestError],
        [{ model: 5, messages: ask('x') }, OpenAI.BadRequestError],
        [{ messages: ask('x') }, OpenAI.BadRequestError],
        [{ model: 'mia', messages: 'x' }, OpenAI.BadRequestError],
        [{ model: 'engine/rate-limit', messages: ask('x') }, OpenAI.RateLimitError],
        [{ model: 'engine/quota', messages: ask('x') }, OpenAI.RateLimitError],
        [{ model: 'engine/locked-out', messages: ask('x') }, OpenAI.AuthenticationError],
        [{ model: 'engine/context', messages: ask('x') }, OpenAI.APIError],
        [{ model: 'engine/html', messages: ask('x') }, OpenAI.InternalServerError],
        [{ model: 'engine/nobody', messages: ask('x') }, OpenAI.InternalServerError]
    ];
    for (const [body, kind, code] of cases)
        for (const stream of [false, true])
            await assert.rejects(
                async () => {
                    const answer = await client.chat.completions.create({ ...body, stream });
                    if (stream) await collect(answer);
                },
                (e) => {
                    assert.ok(e instanceof kind, `${JSON.stringify(body)} ${stream}: ${e}`);
                    if (code) assert.equal(e.code, code);
                    assert.ok(!String(e.message).includes('sk-'), 'no key in a sentence');
                    return true;
                },
                JSON.stringify(body)
            );
    for (const model of ['engine/error-in-stream', 'engine/cut'])
        await assert.rejects(async () => collect(await client.chat.completions.create({ model, messages: ask('x'), stream: true })), (e) => e instanceof OpenAI.APIError, model);
    assert.ok(!server.log.includes('sk-'));
});
