// waifu-rt3d's chat call.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';
import { sse } from './lib/streams.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

test('a session begins, and goes on', async () => {
    const first = await request(server, 'POST', '/api/chat', { text: 'Hello, I am Ben.', character: 'mia', unknown: 'is ignored' });
    assert.equal(first.status, 200, JSON.stringify(first.body));
    assert.ok(first.body.reply.length > 0);
    assert.equal(first.body.message.kind, 'message');
    assert.equal(first.body.message.data.text, first.body.reply);
    assert.equal(typeof first.body.affect.label, 'string');
    assert.ok('usage' in first.body);
    const second = await request(server, 'POST', '/api/chat', { message: 'And what is my name?', session_id: first.body.session_id });
    assert.equal(second.body.session_id, first.body.session_id);
    assert.match(second.body.reply, /Ben/);
    const room = await request(server, 'GET', `/api/sessions/${first.body.session_id}`);
    assert.equal(room.body.members.find((m) => m.type === 'persona').slug, 'mia');
});

test('without a character somebody answers', async () => {
    const answer = await request(server, 'POST', '/api/chat', { text: 'Hi' });
    assert.equal(answer.status, 200);
    assert.ok(answer.body.reply);
});

test('as a stream: pieces, then the whole', async () => {
    const response = await fetch(`${server.url}/api/chat`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ text: 'Hello!', character: 'lyra', stream: true })
    });
    const data = [];
    for await (const message of sse(response)) data.push(message.data);
    const whole = data.at(-1);
    assert.equal(data.slice(0, -1).map((d) => d.delta).join('').trim(), whole.reply);
    assert.equal(whole.session_id, data[0].session_id);
});

test('what is wrong is said', async () => {
    errorOf(await request(server, 'POST', '/api/chat', {}), 400);
    errorOf(await request(server, 'POST', '/api/chat', { text: 5 }), 400);
    errorOf(await request(server, 'POST', '/api/chat', { text: 'x', session_id: 'nonsense' }), 404);
    errorOf(await request(server, 'POST', '/api/chat', { text: 'x', session_id: '018f0000-0000-7000-8000-000000000000' }), 404);
    const nobody = await request(server, 'POST', '/api/chat', { text: 'x', character: 'nobody-here' });
    assert.ok([404, 422].includes(nobody.status));
});
