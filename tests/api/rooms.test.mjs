// Rooms: their life, their versions, their states, and requests that are sent twice.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const NOBODY = '018f0000-0000-7000-8000-000000000000';

test('a room is opened, read, changed, deleted and restored', async () => {
    const made = await request(server, 'POST', '/api/rooms', { title: 'Tea', personas: ['mia', 'kimi'] });
    assert.equal(made.status, 201);
    assert.equal(made.headers.get('location'), `/api/rooms/${made.body.id}`);
    assert.deepEqual(made.body.members.filter((m) => m.type === 'persona').map((m) => m.slug).sort(), ['kimi', 'mia']);
    assert.equal(made.body.state, 'idle');
    const path = `/api/rooms/${made.body.id}`;
    const read = await request(server, 'GET', path);
    assert.equal(read.headers.get('etag'), `"${read.body.version}"`);
    const same = await request(server, 'GET', path, undefined, { 'If-None-Match': read.headers.get('etag') });
    assert.equal(same.status, 304);
    const patched = await request(server, 'PATCH', path, { title: 'Coffee' });
    assert.equal(patched.body.title, 'Coffee');
    assert.equal(patched.body.members.length, 3);
    const put = await request(server, 'PUT', path, { title: 'Milk', personas: ['lyra'] });
    assert.deepEqual(put.body.members.filter((m) => m.type === 'persona').map((m) => m.slug), ['lyra']);
    assert.equal((await request(server, 'DELETE', path)).status, 204);
    errorOf(await request(server, 'GET', path), 410);
    errorOf(await request(server, 'POST', `${path}/messages`, { text: 'x' }), 410);
    const list = await request(server, 'GET', '/api/rooms?limit=200');
    assert.ok(!list.body.data.some((r) => r.id === made.body.id));
    const gone = await request(server, 'GET', '/api/rooms?deleted=true');
    assert.ok(gone.body.data.some((r) => r.id === made.body.id));
    assert.equal((await request(server, 'POST', `${path}/restore`)).status, 200);
    assert.equal((await request(server, 'GET', path)).body.title, 'Milk');
});

test('a change from an old version is refused', async () => {
    const path = `/api/rooms/${await openRoom(server)}`;
    const etag = (await request(server, 'GET', path)).headers.get('etag');
    assert.equal((await request(server, 'PATCH', path, { title: 'one' }, { 'If-Match': etag })).status, 200);
    errorOf(await request(server, 'PATCH', path, { title: 'two' }, { 'If-Match': etag }), 412);
    errorOf(await request(server, 'PATCH', path, { title: 'two' }, { 'If-Match': 'nonsense' }), 412);
    errorOf(await request(server, 'DELETE', path, undefined, { 'If-Match': etag }), 412);
    assert.equal((await request(server, 'PATCH', path, { title: 'two' }, { 'If-Match': '*' })).status, 200);
});

test('what is not there is not found', async () => {
    for (const room of [NOBODY, 'nonsense', 'a%2Fb', '%F0%9F%90%88']) {
        errorOf(await request(server, 'GET', `/api/rooms/${room}`), 404);
        errorOf(await request(server, 'GET', `/api/rooms/${room}/messages`), 404);
        errorOf(await request(server, 'GET', `/api/rooms/${room}/events`), 404);
        errorOf(await request(server, 'GET', `/api/rooms/${room}/events`, undefined, { Accept: 'text/event-stream' }), 404);
        errorOf(await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'x' }), 404);
    }
    const unknown = await request(server, 'POST', '/api/rooms', { personas: ['nobody-here'] });
    assert.ok([404, 422].includes(unknown.status), unknown.status);
    assert.match(unknown.body.error.message, /nobody-here/);
});

test('start, pause, stop, clear', async () => {
    const room = await openRoom(server);
    const path = `/api/rooms/${room}`;
    await say(server, room, 'hello');
    await settled(server, room);
    for (const [verb, state] of [['start', 'running'], ['pause', 'paused'], ['stop', 'stopped'], ['idle', 'idle']]) {
        const answer = await request(server, 'POST', `${path}/${verb}`);
        assert.equal(answer.status, 200, verb);
        assert.equal(answer.body.state, state);
    }
    await request(server, 'POST', `${path}/stop`);
    const before = (await allEvents(server, room)).length;
    await say(server, room, 'is anybody there?');
    await new Promise((r) => setTimeout(r, 100));
    assert.equal((await allEvents(server, room)).length, before + 1, 'a stopped room begins no turn');
    const cleared = await request(server, 'POST', `${path}/clear`);
    assert.equal(cleared.status, 200);
    assert.ok(cleared.body.cleared > 0);
    assert.equal((await request(server, 'GET', `${path}/messages`)).body.data.length, 0);
    assert.ok((await request(server, 'GET', `${path}/messages?cleared=true`)).body.data.length > 0);
    assert.ok((await allEvents(server, room)).length > before, 'clearing hides, it does not erase');
});

test('an Idempotency-Key makes one room of two requests', async () => {
    const key = { 'Idempotency-Key': `room-${Date.now()}` };
    const body = { title: 'once', personas: ['mia'] };
    const [one, two] = await Promise.all([request(server, 'POST', '/api/rooms', body, key), request(server, 'POST', '/api/rooms', body, key)]);
    assert.equal(one.status, 201);
    assert.equal(two.status, 201);
    assert.equal(one.body.id, two.body.id);
    const later = await request(server, 'POST', '/api/rooms', body, key);
    assert.equal(later.body.id, one.body.id);
    assert.equal(later.headers.get('idempotency-replayed'), 'true');
    errorOf(await request(server, 'POST', '/api/rooms', { title: 'other' }, key), 409);
    errorOf(await request(server, 'POST', '/api/rooms', body, { 'Idempotency-Key': 'x'.repeat(300) }), 400);
});

test('an Idempotency-Key makes one message of two requests, also after a restart', async () => {
    const own = await startServer();
    const room = await openRoom(own);
    const key = { 'Idempotency-Key': 'message-1' };
    const one = await say(own, room, 'only once', key);
    const two = await say(own, room, 'only once', key);
    assert.equal(two.seq, one.seq);
    assert.equal(two.id, one.id);
    errorOf(await request(own, 'POST', `/api/rooms/${room}/messages`, { text: 'another' }, key), 409);
    await settled(own, room);
    await own.stop();
    const again = await startServer({ data: own.data });
    assert.equal((await say(again, room, 'only once', key)).seq, one.seq);
    const texts = (await allEvents(again, room)).filter((e) => e.kind === 'message' && e.author.type === 'user');
    assert.equal(texts.length, 1);
    await again.stop();
    removeFolder(own.data);
});

test('rooms are found by their title', async () => {
    await openRoom(server, ['mia'], 'A very particular title');
    const found = await request(server, 'GET', `/api/rooms?find=${encodeURIComponent('particular')}`);
    assert.equal(found.body.data.length, 1);
});
