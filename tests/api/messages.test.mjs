// Messages: what is said is kept byte for byte; edited, deleted, forgotten, retried, cancelled.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { addEngine, errorOf, openRoom, say, settled } from './lib/talk.mjs';

let server, models;
before(async () => {
    server = await startServer();
    models = await startOpenAI();
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    await addEngine(server, models.url, 'long', 'long');
    await addEngine(server, models.url, 'stall', 'stall', { settings: { stream_timeout: '20s' } });
    await addEngine(server, models.url, 'auth', 'auth', { api_key: 'sk-wrong' });
    for (const engine of ['long', 'stall', 'auth']) await request(server, 'POST', '/api/personas', { name: engine, slug: `on-${engine}`, engine });
});
after(async () => {
    await server.stop();
    await models.close();
    removeFolder(server.data);
});

const NOBODY = '018f0000-0000-7000-8000-000000000000';
const messagesOf = async (room, query = '') => (await request(server, 'GET', `/api/rooms/${room}/messages${query}`)).body;

test('a message is answered with its event once it is stored', async () => {
    const room = await openRoom(server);
    const said = await say(server, room, 'hello there');
    assert.equal(said.kind, 'message');
    assert.equal(said.room, room);
    assert.equal(typeof said.seq, 'number');
    assert.deepEqual(Object.keys(said.author).sort(), ['id', 'name', 'type']);
    assert.equal(said.author.type, 'user');
    assert.equal(said.data.text, 'hello there');
    assert.equal(said.data.id, said.id);
    assert.match(said.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const events = await settled(server, room);
    const ended = events.find((e) => e.kind === 'turn.ended');
    assert.equal(ended.data.outcome, 'done');
    assert.equal(ended.data.engine, 'scripted');
    assert.equal(typeof ended.data.timings.perceive_ms, 'number');
    const started = events.find((e) => e.kind === 'turn.started');
    assert.equal(started.cause, said.seq);
    events.forEach((event, i) => assert.equal(event.seq, i + 1));
});

const NAUGHTY = [
    "'; DROP TABLE events; --", '<script>alert(1)</script>', '{{char}} {{user}} {{random:a,b}}', '%s%n%p', '\\u0000 \\" \\\\ \b\f\n\r\t',
    '\u0001\u001f\u007f\u0085\u200b\u202e\ufeff', 'e\u0301 é ﷽ ̶̢̛̻́', '👩‍👩‍👧‍👦 🏳️‍🌈 𝕳𝖊𝖑𝖑𝖔', 'مرحبا שלום こんにちは', '\ud83d\ude00'.repeat(500), '\u2028\u2029', 'null', '$HOME `id` $(id)', '../../etc/passwd'
];

test('naughty strings come back byte for byte', async () => {
    const room = await openRoom(server, []);
    for (const text of NAUGHTY) {
        const said = await say(server, room, text);
        assert.equal(said.data.text, text);
        assert.equal((await request(server, 'GET', `/api/rooms/${room}/messages/${said.id}`)).body.text, text);
    }
    const texts = (await messagesOf(room, '?order=asc&limit=200')).data.map((m) => m.text);
    assert.deepEqual(texts, NAUGHTY);
    const titled = await request(server, 'PATCH', `/api/rooms/${room}`, { title: NAUGHTY[5] });
    assert.equal(titled.body.title, NAUGHTY[5]);
});

test('every Unicode plane is stored and returned byte for byte', async () => {
    const room = await openRoom(server, []);
    for (let plane = 0; plane <= 16; plane++) {
        let text = '';
        for (let low = 0; low < 0x10000; low += 61) {
            const point = plane * 0x10000 + low;
            if (point === 0 || (point >= 0xd800 && point <= 0xdfff)) continue;
            text += String.fromCodePoint(point);
        }
        assert.equal((await say(server, room, 'x' + text)).data.text, 'x' + text, `plane ${plane}`);
    }
});

test('NUL and lone surrogates are refused, as is what is empty or too long', async () => {
    const path = `/api/rooms/${await openRoom(server, [])}/messages`;
    const json = { 'Content-Type': 'application/json' };
    for (const body of ['{"text":"a\\u0000"}', '{"text":"\\ud800"}', '{"text":"\\udc00\\ud800"}']) errorOf(await request(server, 'POST', path, body, json), 400);
    errorOf(await request(server, 'POST', path, {}), 400);
    errorOf(await request(server, 'POST', path, { text: null }), 400);
    errorOf(await request(server, 'POST', path, { text: '' }), 422);
    errorOf(await request(server, 'POST', path, { text: ' \n ' }), 422);
    assert.equal(errorOf(await request(server, 'POST', path, { text: 'x'.repeat(40000) }), 422).code, 'text_too_long');
    assert.equal(errorOf(await request(server, 'POST', path, { text: 'x', tone: 'loud' }), 400).param, 'tone');
    errorOf(await request(server, 'POST', path, { text: 'x', reply_to: 'nonsense' }), 400);
});

test('pages of messages go both ways', async () => {
    const room = await openRoom(server, []);
    const seqs = [];
    for (let i = 0; i < 7; i++) seqs.push((await say(server, room, `message ${i}`)).seq);
    const newest = await messagesOf(room, '?limit=3');
    assert.deepEqual(newest.data.map((m) => m.seq), seqs.slice(4).reverse());
    const older = await messagesOf(room, `?limit=3&before=${newest.data.at(-1).seq}`);
    assert.deepEqual(older.data.map((m) => m.seq), seqs.slice(1, 4).reverse());
    const next = await messagesOf(room, `?limit=3&after=${newest.next}&order=desc`);
    assert.deepEqual(next.data, older.data);
    const up = await messagesOf(room, '?order=asc&limit=5');
    assert.deepEqual(up.data.map((m) => m.seq), seqs.slice(0, 5));
    const rest = await messagesOf(room, `?order=asc&limit=5&after=${up.next}`);
    assert.deepEqual(rest.data.map((m) => m.seq), seqs.slice(5));
    assert.equal(rest.next, null);
    errorOf(await request(server, 'GET', `/api/rooms/${room}/messages?order=up`), 400);
    errorOf(await request(server, 'GET', `/api/rooms/${room}/messages?before=x`), 400);
});

test('edit and delete are events; pages show the messages as they read now', async () => {
    const room = await openRoom(server, []);
    const one = await say(server, room, 'first');
    const two = await say(server, room, 'second');
    const edited = await request(server, 'PATCH', `/api/rooms/${room}/messages/${one.id}`, { text: 'first, better' });
    assert.equal(edited.status, 200);
    assert.equal(edited.body.kind, 'message.edited');
    assert.equal(edited.body.data.of, one.id);
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${two.id}`)).status, 204);
    const page = await messagesOf(room);
    assert.deepEqual(page.data.map((m) => m.text), ['first, better']);
    assert.equal(page.data[0].data.text, 'first, better');
    assert.ok(page.data[0].edited_at);
    errorOf(await request(server, 'GET', `/api/rooms/${room}/messages/${two.id}`), 404);
    for (const id of [NOBODY, 'nonsense']) {
        errorOf(await request(server, 'PATCH', `/api/rooms/${room}/messages/${id}`, { text: 'x' }), 404);
        errorOf(await request(server, 'DELETE', `/api/rooms/${room}/messages/${id}`), 404);
    }
    const kinds = (await allEvents(server, room)).map((e) => e.kind);
    assert.ok(kinds.includes('message.edited') && kinds.includes('message.deleted'));
});

test('forgetting erases: from the log, and from the files', async () => {
    const room = await openRoom(server, []);
    const secret = 'zyxwvut-unforgettable-secret';
    const said = await say(server, room, `my ${secret}`);
    await request(server, 'PATCH', `/api/rooms/${room}/messages/${said.id}`, { text: `edited ${secret}` });
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${said.id}?forget=true`)).status, 204);
    const events = await allEvents(server, room);
    events.forEach((event, i) => assert.equal(event.seq, i + 1, 'the numbers stay'));
    assert.ok(!JSON.stringify(events).includes(secret));
    assert.ok(events.some((e) => e.kind === 'message.deleted' && e.data.erased));
    for (let tries = 0; ; tries++) {
        const found = readdirSync(server.data).filter((name) => /\.db(-wal)?$/.test(name) && readFileSync(join(server.data, name)).includes(secret));
        if (!found.length) break;
        assert.ok(tries < 100, `still in ${found}`);
        await new Promise((r) => setTimeout(r, 50));
    }
});

test('a retry is another answer beside the first', async () => {
    const room = await openRoom(server);
    await say(server, room, 'tell me something');
    const events = await settled(server, room);
    const answer = events.findLast((e) => e.kind === 'message' && e.author.type === 'persona');
    const retry = await request(server, 'POST', `/api/rooms/${room}/messages/${answer.data.id}/retry`);
    assert.equal(retry.status, 201);
    assert.equal(retry.body.kind, 'turn.started');
    const after = await settled(server, room);
    const second = after.findLast((e) => e.kind === 'message' && e.author.type === 'persona');
    assert.notEqual(second.data.id, answer.data.id);
    assert.equal(second.data.retry_of, answer.data.id);
    assert.equal(second.parent, answer.parent);
    const mine = events.find((e) => e.kind === 'message' && e.author.type === 'user');
    const anew = await request(server, 'POST', `/api/rooms/${room}/messages/${mine.data.id}/retry`);
    assert.equal(anew.status, 201);
    assert.equal(anew.body.cause, mine.seq);
    const third = (await settled(server, room)).findLast((e) => e.kind === 'message' && e.author.type === 'persona');
    assert.equal(third.cause, mine.seq);
    assert.equal(third.data.retry_of, undefined);
});

test('a running turn is cancelled, with what was said so far', async () => {
    const room = await openRoom(server, ['on-stall']);
    await say(server, room, 'go on for ever');
    let turn;
    for (let tries = 0; !turn && tries < 200; tries++) {
        turn = (await allEvents(server, room)).find((e) => e.kind === 'turn.started')?.turn;
        await new Promise((r) => setTimeout(r, 20));
    }
    await new Promise((r) => setTimeout(r, 300));
    const cancelled = await request(server, 'POST', `/api/rooms/${room}/turns/${turn}/cancel`);
    assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body));
    const ended = (await settled(server, room)).find((e) => e.kind === 'turn.ended');
    assert.equal(ended.data.outcome, 'cancelled');
    assert.ok(ended.data.text.length > 0);
    errorOf(await request(server, 'POST', `/api/rooms/${room}/turns/${turn}/cancel`), 404);
    errorOf(await request(server, 'POST', `/api/rooms/${room}/turns/nonsense/cancel`), 404);
});

test('an engine that fails ends the turn as failed, with a sentence and no secret', async () => {
    const room = await openRoom(server, ['on-auth']);
    await say(server, room, 'hello?');
    const ended = (await settled(server, room)).find((e) => e.kind === 'turn.ended');
    assert.equal(ended.data.outcome, 'failed');
    assert.equal(ended.data.error.code, 'auth');
    assert.ok(!JSON.stringify(ended).includes('sk-wrong'));
    assert.ok(!server.log.includes('sk-wrong'));
});
