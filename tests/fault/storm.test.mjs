// kill -9 during a storm of messages and turns, again and again: what was acknowledged is there, numbers have no holes,
// every turn ended one way or another. STORM=200 sets how many times; make test does fewer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';

const kills = Number(process.env.STORM ?? 15);
const roomCount = 6;

async function makeRooms(server) {
    const rooms = [];
    for (let i = 0; i < roomCount; i++) {
        const made = await request(server, 'POST', '/api/rooms', { title: `storm ${i}`, personas: ['mia'] });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        rooms.push(made.body.id);
    }
    return rooms;
}

// Talks to one room until the server is gone; remembers what was acknowledged.
async function talk(server, room, acknowledged, counter) {
    while (!server.exited) {
        const text = `storm message ${counter.next++}`;
        const said = await request(server, 'POST', `/api/rooms/${room}/messages`, { text }).catch(() => null);
        if (said?.status === 201) acknowledged.push({ room, text, id: said.body.data.id, seq: said.body.seq });
        else if (said && said.status !== 429 && said.status !== 503) assert.fail(`${said.status} ${JSON.stringify(said.body)}`);
        else await new Promise((r) => setTimeout(r, 5));
    }
}

function checkRoom(events, room, acknowledged) {
    events.forEach((event, i) => assert.equal(event.seq, i + 1, `room ${room}: a hole before ${event.seq}`));
    const bySeq = new Map(events.map((event) => [event.seq, event]));
    for (const ack of acknowledged.filter((a) => a.room === room)) {
        const event = bySeq.get(ack.seq);
        assert.ok(event, `the acknowledged message ${ack.seq} of room ${room} is gone`);
        assert.equal(event.data.text, ack.text);
        assert.equal(event.data.id, ack.id);
    }
    const open = new Map();
    for (const event of events) {
        if (event.kind === 'turn.started') open.set(event.turn, event.seq);
        if (event.kind === 'turn.ended') {
            assert.ok(open.delete(event.turn), `turn ${event.turn} ended twice, or never began`);
        }
    }
    return open;
}

async function turnsEnd(server, room, acknowledged) {
    for (let tries = 0; tries < 400; tries++) {
        const open = checkRoom(await allEvents(server, room), room, acknowledged);
        if (open.size === 0) return;
        await new Promise((r) => setTimeout(r, 50));
    }
    assert.fail(`room ${room} has turns that never ended`);
}

test(`kill -9 in a storm, ${kills} times`, { timeout: 30 * 60 * 1000 }, async () => {
    const data = makeFolder();
    const acknowledged = [];
    const counter = { next: 1 };
    const args = ['--engine.scripted_delay=1ms'];
    try {
        let server = await startServer({ data, args });
        const rooms = await makeRooms(server);
        for (let i = 0; i < kills; i++) {
            const talkers = rooms.flatMap((room) => [talk(server, room, acknowledged, counter), talk(server, room, acknowledged, counter)]);
            await new Promise((r) => setTimeout(r, 60 + Math.random() * 240));
            await server.kill();
            await Promise.all(talkers);
            server = await startServer({ data, args });
            if (i % 10 === 9 || i === kills - 1) for (const room of rooms) await turnsEnd(server, room, acknowledged);
        }
        assert.ok(acknowledged.length > kills * 5, `only ${acknowledged.length} messages were acknowledged: that is no storm`);
        console.log(`# ${acknowledged.length} acknowledged messages survived ${kills} kills`);
        await server.stop();
    } finally {
        removeFolder(data);
    }
});
