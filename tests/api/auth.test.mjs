// Who is the owner: the machine's own user, the bearer of the token, and nobody else.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { binary, makeFolder, removeFolder, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';
import { raw } from './lib/streams.mjs';

const TOKEN = 'a-long-random-word-4d9f';
let server, guarded, data;
before(async () => {
    data = makeFolder();
    server = await startServer({ args: ['--server.hosts=eidolon.home', `--server.unix_socket=${join(data, 's.sock')}`] });
    guarded = await startServer({ args: [`--server.token=${TOKEN}`] });
});
after(async () => {
    await Promise.all([server.stop(), guarded.stop()]);
    for (const folder of [server.data, guarded.data, data]) removeFolder(folder);
});

const port = () => new URL(server.url).port;
const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

test('the local owner needs no login', async () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST', 'eidolon.home'])
        for (const suffix of ['', `:${port()}`]) {
            const answer = await raw(server, 'GET', '/api/rooms', { headers: { Host: host + suffix } });
            assert.equal(answer.status, 200, host + suffix);
        }
});

test('a rebound name makes nobody the owner', async () => {
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1x', '0.0.0.0', '[::2]', '127.0.0', 'eidolon.home.evil.example']) {
        const get = await raw(server, 'GET', '/api/rooms', { headers: { Host: host } });
        assert.ok([400, 401, 403].includes(get.status), `${host}: ${get.status}`);
        const post = await raw(server, 'POST', '/api/rooms', { headers: { Host: host, 'Content-Type': 'application/json' }, body: '{}' });
        assert.ok([400, 401, 403].includes(post.status), `${host}: ${post.status}`);
        const socket = await raw(server, 'GET', '/ws', { headers: { Host: host, ...upgrade } });
        assert.ok([400, 401, 403].includes(socket.status), `${host}: ${socket.status}`);
    }
});

test('what a proxy forwards is no owner', async () => {
    for (const name of ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Real-IP', 'Via', 'CF-Connecting-IP', 'True-Client-IP', 'x-forwarded-anything']) {
        const headers = { [name]: 'for=1.2.3.4', Host: `127.0.0.1:${port()}` };
        errorOf(await raw(server, 'GET', '/api/rooms', { headers }), 401);
        errorOf(await raw(server, 'GET', '/api/rooms', { headers, socketPath: join(data, 's.sock') }), 401);
        assert.equal((await raw(server, 'GET', '/ws', { headers: { ...headers, ...upgrade } })).status, 401);
    }
});

test('a website can change nothing and open no socket', async () => {
    const json = { 'Content-Type': 'application/json' };
    const strangers = [
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { Origin: `https://127.0.0.1:${port()}` },
        { Origin: 'http://127.0.0.1:1' },
        { Origin: `http://localhost:${port()}` },
        { 'Sec-Fetch-Site': 'cross-site' },
        { 'Sec-Fetch-Site': 'same-site' }
    ];
    for (const stranger of strangers) {
        const headers = { Host: `127.0.0.1:${port()}`, ...stranger };
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
            const path = method === 'POST' ? '/api/rooms' : '/api/rooms/018f0000-0000-7000-8000-000000000000';
            errorOf(await raw(server, method, path, { headers: { ...headers, ...json }, body: method === 'DELETE' ? undefined : '{}' }), 403);
        }
        assert.equal((await raw(server, 'GET', '/ws', { headers: { ...headers, ...upgrade } })).status, 403);
        const read = await raw(server, 'GET', '/api/rooms', { headers });
        assert.equal(read.headers['access-control-allow-origin'], undefined);
    }
    for (const own of [{ Origin: `http://127.0.0.1:${port()}` }, { 'Sec-Fetch-Site': 'same-origin' }, { 'Sec-Fetch-Site': 'none' }, {}]) {
        const headers = { Host: `127.0.0.1:${port()}`, ...own };
        assert.equal((await raw(server, 'POST', '/api/rooms', { headers: { ...headers, ...json }, body: '{}' })).status, 201);
        assert.equal((await raw(server, 'GET', '/ws', { headers: { ...headers, ...upgrade } })).status, 101);
    }
});

test('a Unix socket is the owner\'s', async () => {
    const answer = await raw(server, 'GET', '/api/rooms', { headers: { Host: 'anything' }, socketPath: join(data, 's.sock') });
    assert.equal(answer.status, 200);
});

test('from elsewhere the token opens, as bearer and as cookie', async () => {
    const elsewhere = { Host: 'eidolon.example' };
    const refused = await raw(guarded, 'GET', '/api/rooms', { headers: elsewhere });
    errorOf(refused, 401);
    assert.match(refused.headers['www-authenticate'], /Bearer/);
    errorOf(await raw(guarded, 'GET', '/metrics', { headers: elsewhere }), 401);
    errorOf(await raw(guarded, 'GET', '/readyz', { headers: elsewhere }), 401);
    assert.equal((await raw(guarded, 'GET', '/healthz', { headers: elsewhere })).status, 200);
    assert.equal((await raw(guarded, 'GET', '/', { headers: elsewhere })).status, 200);
    errorOf(await raw(guarded, 'GET', '/v1/models', { headers: { ...elsewhere, Authorization: 'Bearer wrong' } }), 401);
    assert.equal((await raw(guarded, 'GET', '/api/rooms', { headers: { ...elsewhere, Authorization: `Bearer ${TOKEN}` } })).status, 200);

    const json = { 'Content-Type': 'application/json' };
    errorOf(await raw(guarded, 'POST', '/api/session', { headers: { ...elsewhere, ...json }, body: '{"token":"wrong"}' }), 401);
    errorOf(await raw(guarded, 'POST', '/api/session', { headers: { ...elsewhere, ...json, Origin: 'https://evil.example' }, body: JSON.stringify({ token: TOKEN }) }), 403);
    const signed = await raw(guarded, 'POST', '/api/session', { headers: { ...elsewhere, ...json }, body: JSON.stringify({ token: TOKEN }) });
    assert.equal(signed.status, 200);
    const cookie = signed.headers['set-cookie'][0];
    assert.match(cookie, /HttpOnly/);
    assert.match(cookie, /SameSite=Strict/);
    assert.ok(!cookie.includes(TOKEN));
    const Cookie = cookie.split(';')[0];
    assert.equal((await raw(guarded, 'GET', '/api/rooms', { headers: { ...elsewhere, Cookie } })).status, 200);
    errorOf(await raw(guarded, 'POST', '/api/rooms', { headers: { ...elsewhere, ...json, Cookie, Origin: 'https://evil.example' }, body: '{}' }), 403);
    errorOf(await raw(guarded, 'GET', '/api/rooms', { headers: { ...elsewhere, Cookie: Cookie.slice(0, -1) + (Cookie.endsWith('0') ? '1' : '0') } }), 401);
    errorOf(await raw(guarded, 'GET', '/api/rooms', { headers: { ...elsewhere, Cookie: 'eidolon_session=v1.99999999999.00' } }), 401);
    const who = await raw(guarded, 'GET', '/api/session', { headers: elsewhere });
    assert.equal(who.body.signed_in, false);
});

test('an address that others reach is not opened without a token', async () => {
    const folder = makeFolder();
    const child = spawn(binary, ['serve', '--data', folder, '--listen', '0.0.0.0:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part) => (said += part));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    assert.notEqual(code, 0);
    assert.match(said, /server\.token/);
    removeFolder(folder);
});
