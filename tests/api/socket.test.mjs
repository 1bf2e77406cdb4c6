// The WebSocket: its frames, its errors, its acknowledgements.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { openRoom, settled } from './lib/talk.mjs';
import { Socket, raw } from './lib/streams.mjs';

let server;
before(async () => {
    server = await startServer({ args: ['--net.echo=on'] });
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const NOBODY = '018f0000-0000-7000-8000-000000000000';

test('join tells the head, then what was missed, then what comes', async () => {
    const room = await openRoom(server);
    const all = await allEvents(server, room);
    const socket = await Socket.open(server);
    socket.send({ type: 'join', room, after: 1 });
    const joined = await socket.wait((f) => f.type === 'joined');
    assert.equal(joined.room, room);
    assert.equal(joined.seq, all.length);
    await socket.wait((f) => f.type === 'event' && f.event.seq === all.length);
    assert.deepEqual(socket.events(), all.slice(1));
    assert.equal(socket.frames[0].type, 'joined', 'joined comes before every event');
    socket.send({ type: 'join', room, after: null });
    await socket.wait((f) => f.type === 'joined' && f !== joined);
    const before = socket.events().length;
    socket.send({ type: 'typing', room, on: true });
    const typing = await socket.wait((f) => f.type === 'event' && f.event.kind === 'typing');
    assert.equal(typing.event.seq, null);
    assert.equal(socket.events().length, before + 1, 'null: only what comes from now on');
    await socket.close();
});

test('say needs no join, is acknowledged, and stored once for each id', async () => {
    const room = await openRoom(server);
    const socket = await Socket.open(server);
    for (let i = 0; i < 3; i++) socket.send({ type: 'say', room, text: 'the same', id: 'one' });
    const other = await Socket.open(server);
    other.send({ type: 'say', room, text: 'the same', id: 'one' });
    await other.wait((f) => f.type === 'ack');
    socket.send({ type: 'say', room, text: 'another', id: 'two' });
    await socket.wait((f) => f.type === 'ack' && f.id === 'two');
    const acks = socket.frames.filter((f) => f.type === 'ack' && f.id === 'one');
    assert.equal(acks.length, 3);
    assert.equal(new Set([...acks.map((a) => a.seq), other.frames.find((f) => f.type === 'ack').seq]).size, 1);
    const said = (await settled(server, room)).filter((e) => e.kind === 'message' && e.author.type === 'user');
    assert.equal(said.length, 2);
    assert.equal(socket.events().length, 0, 'nothing is told of rooms that were not joined');
    await Promise.all([socket.close(), other.close()]);
});

test('leaving ends what is told', async () => {
    const room = await openRoom(server);
    const socket = await Socket.open(server);
    socket.send({ type: 'join', room });
    await socket.wait((f) => f.type === 'joined');
    socket.send({ type: 'leave', room });
    socket.send({ type: 'say', room, text: 'hello', id: 'x' });
    await socket.wait((f) => f.type === 'ack');
    await settled(server, room);
    assert.equal(socket.events().length, 0);
    await socket.close();
});

test('what is wrong is an error with the client\'s id, and the socket stays', async () => {
    const room = await openRoom(server, []);
    const socket = await Socket.open(server);
    const cases = [
        ['{"type":', 'malformed_json'],
        ['[]', 'invalid'],
        ['{"type":"dance"}', 'invalid'],
        ['{}', 'invalid'],
        [{ type: 'join' }, 'missing_field'],
        [{ type: 'join', room: 5 }, 'wrong_type'],
        [{ type: 'join', room: 'nonsense' }, 'not_found'],
        [{ type: 'join', room: NOBODY }, 'not_found'],
        [{ type: 'join', room, after: 'x' }, 'wrong_type'],
        [{ type: 'say', room, id: 'e1' }, 'missing_field'],
        [{ type: 'say', room, text: '', id: 'e2' }, 'refused'],
        [{ type: 'say', room: NOBODY, text: 'x', id: 'e3' }, 'not_found'],
        [{ type: 'cancel', room, turn: NOBODY, id: 'e4' }, 'not_found'],
        ['{"type":"say","room":"' + room + '","text":"\\u0000","id":"e5"}', null]
    ];
    for (const [frame, code] of cases) {
        socket.frames.length = 0;
        socket.send(frame);
        const error = await socket.wait((f) => f.type === 'error', JSON.stringify(frame));
        assert.match(error.error.message, /[.!?]$/);
        if (code) assert.equal(error.error.code, code, JSON.stringify(frame));
        if (frame.id) assert.equal(error.id, frame.id);
    }
    socket.frames.length = 0;
    socket.ws.send(Buffer.from([1, 2, 3]));
    await socket.wait((f) => f.type === 'error');
    socket.send({ type: 'say', room, text: 'still here', id: 'ok' });
    await socket.wait((f) => f.type === 'ack');
    await socket.close();
});

test('a message that is too large closes with 1009', async () => {
    const socket = await Socket.open(server);
    socket.send('x'.repeat(3 << 20));
    assert.equal(await socket.closed, 1009);
});

test('a room that is removed is told', async () => {
    const room = await openRoom(server);
    const socket = await Socket.open(server);
    socket.send({ type: 'join', room });
    await socket.wait((f) => f.type === 'joined');
    await request(server, 'DELETE', `/api/rooms/${room}`);
    const error = await socket.wait((f) => f.type === 'error');
    assert.equal(error.room, room);
    await socket.close();
});

test('compressed and plain readers get the same', async () => {
    const room = await openRoom(server, []);
    const text = 'a long message that compresses well. '.repeat(200);
    const sockets = await Promise.all([true, false].map(async (perMessageDeflate) => {
        const ws = new WebSocket(server.url.replace('http', 'ws') + '/ws', { perMessageDeflate });
        await new Promise((resolve) => ws.once('open', resolve));
        const got = new Promise((resolve) => ws.on('message', (data) => {
            const frame = JSON.parse(data.toString());
            if (frame.type === 'joined') ws.emit('ready');
            if (frame.type === 'event' && frame.event.kind === 'message') resolve(frame.event.data.text);
        }));
        const ready = new Promise((resolve) => ws.once('ready', resolve));
        ws.send(JSON.stringify({ type: 'join', room }));
        await ready;
        return { ws, got };
    }));
    assert.notEqual(sockets[0].ws.extensions, '');
    assert.equal(sockets[1].ws.extensions, '');
    await request(server, 'POST', `/api/rooms/${room}/messages`, { text });
    for (const { ws, got } of sockets) {
        assert.equal(await got, text);
        ws.close();
    }
});

test('the server says that it goes, with 1001', async () => {
    const own = await startServer();
    const socket = await Socket.open(own);
    const room = await openRoom(own);
    socket.send({ type: 'join', room });
    await socket.wait((f) => f.type === 'joined');
    const [{ code }, closed] = await Promise.all([own.stop(), socket.closed]);
    assert.equal(closed, 1001);
    assert.equal(code, 0);
    removeFolder(own.data);
});

test('the echo echoes, where it is on', async () => {
    const ws = new WebSocket(server.url.replace('http', 'ws') + '/ws/echo');
    await new Promise((resolve) => ws.once('open', resolve));
    for (const payload of ['text ✓', Buffer.from([0, 1, 255]), '', 'x'.repeat(100000)]) {
        const back = new Promise((resolve) => ws.once('message', (data, binary) => resolve(binary ? data : data.toString())));
        ws.send(payload);
        assert.deepEqual(await back, payload);
    }
    ws.close();
    const own = await startServer();
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    assert.equal((await raw(own, 'GET', '/ws/echo', { headers: upgrade })).status, 404);
    await own.stop();
    removeFolder(own.data);
});

test('a plain GET of the socket is told to upgrade', async () => {
    const answer = await raw(server, 'GET', '/ws');
    assert.ok([400, 426].includes(answer.status));
});
