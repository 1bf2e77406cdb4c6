// What holds for every path: methods, errors, ids, compression, the description of it all, health and figures.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { openRoom, errorOf, say, settled } from './lib/talk.mjs';
import { raw } from './lib/streams.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

test('unknown paths are 404, known ones with another method 405 with Allow', async () => {
    errorOf(await request(server, 'GET', '/api/nowhere'), 404);
    errorOf(await request(server, 'GET', '/v1/nowhere'), 404);
    const wrong = await request(server, 'DELETE', '/api/rooms');
    errorOf(wrong, 405);
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD, POST, OPTIONS');
    errorOf(await request(server, 'POST', '/healthz', {}), 405);
    const options = await request(server, 'OPTIONS', '/api/rooms');
    assert.equal(options.status, 204);
    assert.match(options.headers.get('allow'), /POST/);
});

test('HEAD answers as GET without the body', async () => {
    const head = await request(server, 'HEAD', '/api/personas');
    const get = await request(server, 'GET', '/api/personas');
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
    assert.equal(head.body, '');
});

test('X-Request-Id goes in and out, and is made where it is missing', async () => {
    const given = await request(server, 'GET', '/api/nowhere', undefined, { 'X-Request-Id': 'abc-123' });
    assert.equal(given.headers.get('x-request-id'), 'abc-123');
    assert.equal(given.body.error.request_id, 'abc-123');
    assert.ok((await request(server, 'GET', '/healthz')).headers.get('x-request-id'));
});

test('answers are compressed for who accepts it', async () => {
    const answer = await raw(server, 'GET', '/api/personas', { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(answer.headers['content-encoding'], 'gzip');
    const plain = await raw(server, 'GET', '/api/personas');
    assert.equal(plain.headers['content-encoding'], undefined);
});

test('the aliases are the same resources', async () => {
    const personas = await request(server, 'GET', '/api/personas');
    const characters = await request(server, 'GET', '/api/characters');
    assert.deepEqual(characters.body, personas.body);
    const made = await request(server, 'POST', '/api/sessions', { title: 'x', personas: ['mia'] });
    assert.equal(made.status, 201);
    assert.equal((await request(server, 'GET', `/api/sessions/${made.body.id}`)).body.id, made.body.id);
    assert.equal((await request(server, 'GET', `/api/rooms/${made.body.id}`)).body.id, made.body.id);
    errorOf(await request(server, 'GET', '/api/charactersx'), 404);
});

test('bodies that cannot be read are refused with a sentence', async () => {
    const json = { 'Content-Type': 'application/json' };
    const cases = [
        ['{"title":', 400, 'malformed_json'],
        ['{"title":"a","title":"b"}', 400, 'malformed_json'],
        ['[]', 400, 'wrong_type'],
        ['{"title":5}', 400, 'wrong_type'],
        ['{"personas":[1]}', 400, 'wrong_type'],
        ['{"titel":"x"}', 400, 'unknown_field'],
        ['{"title":"a\\u0000b"}', 400, null],
        ['{"title":"\\ud800"}', 400, null],
        ['nonsense', 400, 'malformed_json']
    ];
    for (const [body, status, code] of cases) {
        const error = errorOf(await request(server, 'POST', '/api/rooms', body, json), status);
        if (code) assert.equal(error.code, code, body);
    }
    const unknown = await request(server, 'POST', '/api/rooms', '{"titel":"x"}', json);
    assert.equal(unknown.body.error.param, 'titel');
    assert.match(unknown.body.error.message, /titel/);
    errorOf(await request(server, 'POST', '/api/rooms', 'title=x', { 'Content-Type': 'application/x-www-form-urlencoded' }), 415);
    const bytes = await raw(server, 'POST', '/api/rooms', { headers: json, body: Buffer.from('{"title":"\xff"}', 'latin1') });
    errorOf(bytes, 400);
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    errorOf(await request(server, 'POST', '/api/rooms', deep, json), 400);
});

test('a body over the limit is refused as soon as its length tells', async () => {
    const answer = await raw(server, 'POST', '/api/rooms', {
        headers: { 'Content-Type': 'application/json', 'Content-Length': String(64 << 20) },
        body: '{'
    }).catch((cause) => cause);
    errorOf(answer, 413);
    const chunked = await raw(server, 'POST', '/api/rooms', {
        headers: { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
        body: '{"title":"' + 'x'.repeat(1 << 20) + '"}'
    });
    errorOf(chunked, 413);
});

test('lists keep to their limits', async () => {
    for (const path of ['/api/rooms', '/api/personas']) {
        for (const limit of ['0', '201', '-1', 'x', '1.5', '99999999999999999999'])
            assert.equal(errorOf(await request(server, 'GET', `${path}?limit=${limit}`), 400).param, 'limit');
        errorOf(await request(server, 'GET', `${path}?after=nonsense`), 400);
    }
    const seen = [];
    for (let next = ''; next !== null; ) {
        const page = await request(server, 'GET', `/api/personas?limit=2${next && '&after=' + encodeURIComponent(next)}`);
        assert.ok(page.body.data.length <= 2);
        seen.push(...page.body.data.map((p) => p.slug));
        next = page.body.next;
    }
    assert.equal(new Set(seen).size, seen.length);
    for (const slug of ['philosopher', 'comedian', 'scientist', 'mia', 'solene', 'lyra', 'kimi']) assert.ok(seen.includes(slug), slug);
});

test('the OpenAPI document is valid and describes every route', async () => {
    const { body, status } = await request(server, 'GET', '/api/openapi.json');
    assert.equal(status, 200);
    const result = await new Validator().validate(body);
    assert.ok(result.valid, JSON.stringify(result.errors));
    assert.equal(body.openapi, '3.1.0');
    for (const path of ['/api/rooms/{room}/messages', '/v1/chat/completions', '/healthz', '/api/chat'])
        assert.ok(body.paths[path], path);
    const references = JSON.stringify(body).match(/#\/components\/schemas\/[A-Za-z._]+/g);
    for (const reference of references) assert.ok(body.components.schemas[reference.split('/').pop()], reference);
});

test('health, readiness and the same for people', async () => {
    const live = await request(server, 'GET', '/healthz');
    assert.deepEqual(live.body, { status: 'ok' });
    const ready = await request(server, 'GET', '/readyz');
    assert.equal(ready.status, 200);
    assert.equal(ready.body.parts.store.status, 'ok');
    const people = await request(server, 'GET', '/api/healthcheck');
    for (const field of ['version', 'uptime_ms', 'providers', 'voice', 'store']) assert.ok(field in people.body, field);
});

test('the figures are clean under promtool', async (t) => {
    const room = await openRoom(server);
    await say(server, room, 'hello');
    await settled(server, room);
    const { body, status } = await request(server, 'GET', '/metrics');
    assert.equal(status, 200);
    for (const name of ['turn_step_seconds_bucket', 'connections', 'store_commit_seconds_bucket', 'loop_lag_max_seconds', 'process_resident_memory_bytes'])
        assert.ok(body.includes(`eidolon_${name}`), name);
    try {
        execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    } catch {
        t.skip('promtool is not installed');
        return;
    }
    execFileSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
});

test('the page is served for its own addresses and not for programs', async () => {
    const page = await raw(server, 'GET', '/rooms/anything', { headers: { Accept: 'text/html' } });
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /text\/html/);
    assert.ok(page.headers['content-security-policy']);
    errorOf(await raw(server, 'GET', '/api/anything', { headers: { Accept: 'text/html' } }), 404);
    assert.equal((await raw(server, 'GET', '/missing.js')).status, 404);
});

test('waifu-rt3d endpoints that are not built say so', async () => {
    for (const [method, path] of [['GET', '/api/avatars'], ['POST', '/api/avatars/upload'], ['DELETE', '/api/avatars/x']])
        errorOf(await request(server, method, path, method === 'POST' ? {} : undefined), 501);
});
