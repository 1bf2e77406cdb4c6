// A phone at home: HTTPS with a certificate made here, and a code that signs in once.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import https from 'node:https';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { removeFolder, request, startServer } from '../lib/server.mjs';

let server, port, ca;
before(async () => {
    server = await startServer({ args: ['--server.https=127.0.0.1:0'] });
    port = Number(server.log.match(/Phones at home: https:\/\/127\.0\.0\.1:(\d+)/)[1]);
    const answer = await fetch(`${server.url}/api/certificate`);
    assert.equal(answer.headers.get('content-type'), 'application/x-x509-ca-cert');
    ca = await answer.text();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

/** As a phone does: by HTTPS, trusting our authority and nothing else. A Host of elsewhere, so that it is no local owner. */
function phone(method, path, { body, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
        const req = https.request({ host: '127.0.0.1', port, ca, method, path, agent: false, headers: { Host: `192.168.1.20:${port}`, ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers } }, (res) => {
            let text = '';
            res.on('data', (chunk) => (text += chunk));
            res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: text && res.headers['content-type']?.includes('json') ? JSON.parse(text) : text }));
        });
        req.on('error', reject);
        req.end(body && JSON.stringify(body));
    });
}

test('the certificate is trusted through its authority, and is for private addresses', async () => {
    assert.ok(new X509Certificate(ca).ca);
    assert.equal((await phone('GET', '/healthz')).status, 200);
    await assert.rejects(fetch(`https://127.0.0.1:${port}/healthz`), 'nobody trusts it without being told');
});

test('a stranger gets the page and nothing else', async () => {
    assert.equal((await phone('GET', '/')).status, 200);
    assert.equal((await phone('GET', '/api/rooms')).status, 401);
    assert.equal((await phone('POST', '/api/pairings', { body: {} })).status, 401);
});

test('a code signs in once, over HTTPS, with a cookie that scripts cannot read', async () => {
    const made = await request(server, 'POST', '/api/pairings', {});
    assert.equal(made.status, 201);
    const url = new URL(made.body.url);
    assert.equal(url.origin, `https://127.0.0.1:${port}`);
    assert.match(made.body.qr, /^<svg /);
    assert.equal(new X509Certificate(ca).fingerprint256, made.body.fingerprint);
    assert.ok(Date.parse(made.body.expires_at) > Date.now() + 9 * 60000);
    assert.equal(url.pathname, '/pair');
    assert.equal((await phone('GET', '/pair', { headers: { Accept: 'text/html' } })).status, 200, 'the page that the code opens');
    const pair = url.hash.slice(1);
    assert.equal((await phone('POST', '/api/session', { body: { pair: pair.replace(/.$/, (c) => (c === '0' ? '1' : '0')) } })).status, 401);
    const session = await phone('POST', '/api/session', { body: { pair } });
    assert.equal(session.status, 200);
    assert.equal(session.body.signed_in, true);
    const cookie = session.headers['set-cookie'][0];
    assert.match(cookie, /HttpOnly/);
    assert.match(cookie, /Secure/);
    const rooms = await phone('GET', '/api/rooms', { headers: { Cookie: cookie.split(';')[0] } });
    assert.equal(rooms.status, 200);
    const again = await phone('POST', '/api/session', { body: { pair } });
    assert.equal(again.status, 401);
    assert.match(again.body.error.message, /used already/);
    const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, { ca, headers: { Host: `192.168.1.20:${port}`, Cookie: cookie.split(';')[0], Origin: `https://192.168.1.20:${port}` } });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.close();
});

test('authority and token stay over a restart', async () => {
    const { data } = server;
    await server.stop();
    server = await startServer({ data, args: ['--server.https=127.0.0.1:0'] });
    port = Number(server.log.match(/Phones at home: https:\/\/127\.0\.0\.1:(\d+)/)[1]);
    assert.equal((await phone('GET', '/healthz')).status, 200, 'with the authority of before');
    const keys = (await request(server, 'GET', '/api/config')).body.data;
    assert.equal(keys.find((key) => key.key === 'server.token').set, true);
});

test('without HTTPS there is a sentence that says how to get it', async () => {
    const plain = await startServer();
    const refused = await request(plain, 'POST', '/api/pairings', {});
    assert.equal(refused.status, 422);
    assert.match(refused.body.error.message, /eidolon serve --phone/);
    assert.equal((await request(plain, 'GET', '/api/certificate')).status, 404);
    await plain.stop();
    removeFolder(plain.data);
});

test('the state of voice says what hears, and where phones come', async () => {
    const { body } = await request(server, 'GET', '/api/voice');
    assert.equal(body.https.url, `https://127.0.0.1:${port}`);
    assert.ok(body.speak.some((one) => one.provider === 'flite' && one.ok));
    assert.ok(body.hear.some((one) => one.provider === 'pocketsphinx' && one.ok), JSON.stringify(body.hear));
    assert.ok(['silero', 'energy'].includes(body.vad));
});
