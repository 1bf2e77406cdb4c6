// How a room begins: a persona's other greetings, chosen at the start or put in the first one's place while nothing
// else was said; and as whom its owner is there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { allEvents, request, startServer, removeFolder } from '../lib/server.mjs';

let server;
before(async () => {
    server = await startServer();
    const persona = { name: 'Ines', greeting: 'Good day, {{user}}.', greetings: ['{{char}} waves.', ''] };
    assert.equal((await request(server, 'POST', '/api/personas', persona)).status, 201);
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});
const open = async (more) => (await request(server, 'POST', '/api/rooms', { personas: ['ines'], ...more })).body;
const said = async (room) => (await request(server, 'GET', `/api/rooms/${room.id}/messages`)).body.data.map((one) => one.text);
const greet = (room, greeting) => request(server, 'POST', `/api/rooms/${room.id}/greeting`, { greeting });

test('a room begins with the greeting that was chosen, and says which it is', async () => {
    const usual = await open({});
    assert.equal(usual.greeting, 0);
    assert.match((await said(usual))[0], /^Good day/);
    const other = await open({ greeting: 1 });
    assert.equal(other.greeting, 1);
    assert.deepEqual(await said(other), ['Ines waves.']);
    const refused = await request(server, 'POST', '/api/rooms', { personas: ['ines'], greeting: 7 });
    assert.deepEqual([refused.status, refused.body.error.param], [422, 'greeting']);
    assert.equal((await request(server, 'POST', '/api/rooms', { personas: ['ines'], greeting: -1 })).status, 422);
});

test('another greeting takes its place, by an edit of the persona, until something is said', async () => {
    const room = await open({});
    const changed = await greet(room, 1);
    assert.deepEqual([changed.status, changed.body.greeting], [200, 1]);
    assert.deepEqual(await said(room), ['Ines waves.']);
    const edit = (await allEvents(server, room.id)).find((event) => event.kind === 'message.edited');
    assert.equal(edit.author.name, 'Ines');
    assert.equal((await greet(room, 0)).body.greeting, 0);
    assert.match((await said(room))[0], /^Good day/);
    assert.equal((await greet(room, 2)).status, 422, 'an empty one');
    assert.equal((await greet(room, 3)).status, 422, 'there is none');
    await request(server, 'POST', `/api/rooms/${room.id}/pause`);
    await request(server, 'POST', `/api/rooms/${room.id}/messages`, { text: 'Hello.' });
    const late = await greet(room, 1);
    assert.deepEqual([late.status, late.body.error.message], [409, 'The greeting can be another one only while nothing else was said; open a new room.']);
    assert.equal((await said(room)).length, 2);
});

test('a room knows as whom its owner is there', async () => {
    const profile = (await request(server, 'POST', '/api/profiles', { name: 'Captain' })).body;
    const room = await open({ profile: profile.id });
    assert.equal(room.profile, profile.id);
    const now = await request(server, 'PATCH', `/api/rooms/${room.id}`, { profile: null });
    assert.equal(now.body.profile, null);
});
