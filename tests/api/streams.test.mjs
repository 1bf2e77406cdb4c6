// Streams: what is missed comes again, exactly, over SSE and over WebSocket, in mid-turn and after a restart.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { addEngine, openRoom, say, settled } from './lib/talk.mjs';
import { Socket, sse } from './lib/streams.mjs';

let server, models;
before(async () => {
    server = await startServer();
    models = await startOpenAI();
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    await addEngine(server, models.url, 'long', 'long');
    await addEngine(server, models.url, 'slow', 'slow');
    for (const engine of ['long', 'slow']) await request(server, 'POST', '/api/personas', { name: engine, slug: `on-${engine}`, engine });
});
after(async () => {
    await server.stop();
    await models.close();
    removeFolder(server.data);
});

const EVENT_STREAM = { Accept: 'text/event-stream' };
const follow = (room, headers = {}, query = '', signal = undefined, on = server) =>
    fetch(`${on.url}/api/rooms/${room}/events${query}`, { headers: { ...EVENT_STREAM, ...headers }, signal });

function lasting(events) {
    return events.filter((e) => e.seq !== null);
}

/** The text of a turn as a reader puts it together from snapshots and deltas. */
function textOf(events, turn) {
    let text = '', index = 0;
    for (const event of events.filter((e) => e.turn === turn)) {
        if (event.kind === 'turn.snapshot') [text, index] = [event.data.text, event.data.index];
        if (event.kind === 'delta') {
            assert.equal(event.data.index, index, 'no delta is missing or doubled');
            text += event.data.text;
            index++;
        }
    }
    return text;
}

test('saying with Accept: text/event-stream streams the message and everything until its turns ended', async () => {
    const room = await openRoom(server, ['mia', 'kimi']);
    const response = await fetch(`${server.url}/api/rooms/${room}/messages`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...EVENT_STREAM },
        body: JSON.stringify({ text: 'Hello, both of you.' })
    });
    assert.match(response.headers.get('content-type'), /text\/event-stream/);
    const events = [];
    for await (const message of sse(response)) {
        if (message.data.seq !== null) assert.equal(message.id, String(message.data.seq));
        else assert.equal(message.id, null);
        events.push(message.data);
    }
    assert.equal(events[0].kind, 'message');
    assert.equal(events[0].data.text, 'Hello, both of you.');
    const started = events.filter((e) => e.kind === 'turn.started' && e.cause === events[0].seq).map((e) => e.turn);
    const ended = events.filter((e) => e.kind === 'turn.ended').map((e) => e.turn);
    assert.ok(started.length >= 1);
    for (const turn of started) assert.ok(ended.includes(turn));
    assert.equal(events.at(-1).kind, 'turn.ended');
    const numbers = lasting(events).map((e) => e.seq);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
});

test('a live stream begins where it is told and goes on', async () => {
    const room = await openRoom(server);
    await say(server, room, 'one');
    const before = await settled(server, room);
    const abort = new AbortController();
    const response = await follow(room, {}, `?after=${before.length - 2}`, abort.signal);
    const got = [];
    const reading = (async () => {
        for await (const message of sse(response)) {
            got.push(message.data);
            if (message.data.kind === 'turn.ended' && message.data.seq > before.length) break;
        }
    })();
    await say(server, room, 'two');
    await reading;
    abort.abort();
    const all = await settled(server, room);
    assert.deepEqual(lasting(got), all.slice(before.length - 2, lasting(got).at(-1).seq));
});

test('who drops the connection in mid-turn gets exactly what was missed: SSE', async () => {
    const room = await openRoom(server, ['on-slow']);
    const abort = new AbortController();
    const first = [];
    const response = await follow(room, {}, '', abort.signal);
    const reading = (async () => {
        try {
            for await (const message of sse(response)) {
                first.push(message.data);
                if (message.data.kind === 'delta') break;
            }
        } finally {
            abort.abort();
        }
    })();
    await say(server, room, 'hello');
    await reading;
    const last = lasting(first).at(-1).seq;
    const second = [];
    const again = new AbortController();
    for await (const message of sse(await follow(room, { 'Last-Event-ID': String(last) }, '?after=0', again.signal))) {
        second.push(message.data);
        if (message.data.kind === 'turn.ended') break;
    }
    again.abort();
    const all = await settled(server, room);
    assert.deepEqual([...lasting(first), ...lasting(second)], all);
    const turn = all.find((e) => e.kind === 'turn.started').turn;
    const answer = all.find((e) => e.kind === 'message' && e.turn === turn);
    assert.ok(second.some((e) => e.kind === 'turn.snapshot'), 'a snapshot tells the running text');
    assert.equal(textOf(second, turn).trim(), answer.data.text);
});

test('who drops the connection in mid-turn gets exactly what was missed: WebSocket', async () => {
    const room = await openRoom(server, ['on-slow']);
    const socket = await Socket.open(server);
    socket.send({ type: 'join', room, after: 0 });
    await socket.wait((f) => f.type === 'joined');
    socket.send({ type: 'say', room, text: 'hello', id: 'c1' });
    const ack = await socket.wait((f) => f.type === 'ack');
    assert.equal(ack.id, 'c1');
    await socket.wait((f) => f.type === 'event' && f.event.kind === 'delta');
    const first = socket.events();
    socket.ws.terminate();
    const back = await Socket.open(server);
    back.send({ type: 'join', room, after: lasting(first).at(-1).seq });
    await back.wait((f) => f.type === 'event' && f.event.kind === 'turn.ended');
    const second = back.events();
    await back.close();
    const all = await settled(server, room);
    assert.deepEqual([...lasting(first), ...lasting(second)], all);
    const turn = all.find((e) => e.kind === 'turn.started').turn;
    assert.equal(textOf(second, turn).trim(), all.find((e) => e.kind === 'message' && e.turn === turn).data.text);
});

test('the same after the server was killed in mid-turn', async () => {
    const own = await startServer();
    await addEngine(own, models.url, 'stall', 'stall');
    await request(own, 'POST', '/api/personas', { name: 'stall', slug: 'on-stall', engine: 'stall' });
    const room = await openRoom(own, ['on-stall']);
    const socket = await Socket.open(own);
    socket.send({ type: 'join', room, after: 0 });
    socket.send({ type: 'say', room, text: 'hello', id: 'c1' });
    await socket.wait((f) => f.type === 'event' && f.event.kind === 'delta');
    const first = lasting(socket.events());
    await own.kill();
    await socket.closed;
    const again = await startServer({ data: own.data });
    const back = await Socket.open(again);
    back.send({ type: 'join', room, after: first.at(-1).seq });
    const ended = await back.wait((f) => f.type === 'event' && f.event.kind === 'turn.ended');
    assert.equal(ended.event.data.outcome, 'failed');
    back.send({ type: 'say', room, text: 'hello', id: 'c1' });
    const ack = await back.wait((f) => f.type === 'ack');
    assert.equal(ack.seq, first.find((e) => e.kind === 'message' && e.author.type === 'user').seq, 'sent again, stored once');
    const second = lasting(back.events());
    await back.close();
    assert.deepEqual([...first, ...second], await allEvents(again, room));
    const over = [];
    const abort = new AbortController();
    for await (const message of sse(await follow(room, { 'Last-Event-ID': '1' }, '', abort.signal, again))) {
        over.push(message.data);
        if (message.data.kind === 'turn.ended') break;
    }
    abort.abort();
    assert.deepEqual(over, (await allEvents(again, room)).slice(1));
    await again.stop();
    removeFolder(own.data);
});

test('a client that reads nothing loses nothing that lasts', async () => {
    const room = await openRoom(server, ['on-long']);
    const socket = await Socket.open(server);
    socket.send({ type: 'join', room, after: 0 });
    await socket.wait((f) => f.type === 'joined');
    socket.ws.pause();
    await say(server, room, 'talk');
    const all = await settled(server, room);
    socket.ws.resume();
    await socket.wait((f) => f.type === 'event' && f.event.kind === 'turn.ended', 'the end of the turn', 20000);
    assert.deepEqual(lasting(socket.events()), all);
    await socket.close();
});

test('a page of events is exclusive of its number and says what follows', async () => {
    const room = await openRoom(server);
    const all = await settled(server, room);
    const page = await request(server, 'GET', `/api/rooms/${room}/events?limit=2`);
    assert.deepEqual(page.body.data, all.slice(0, 2));
    const next = await request(server, 'GET', `/api/rooms/${room}/events?limit=2&after=${page.body.next}`);
    assert.deepEqual(next.body.data, all.slice(2, 4));
    const end = await request(server, 'GET', `/api/rooms/${room}/events?after=${all.length}`);
    assert.deepEqual(end.body, { data: [], next: null });
});
