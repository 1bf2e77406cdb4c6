// Settings, providers and engines while the server runs: keys go in and never come out; what changed stays.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { errorOf, openRoom, say, settled } from './lib/talk.mjs';

let server, models;
before(async () => {
    server = await startServer();
    models = await startOpenAI({ key: 'sk-a-secret' });
});
after(async () => {
    await server.stop();
    await models.close();
    removeFolder(server.data);
});

const keyed = async (key, on = server) => (await request(on, 'GET', '/api/config')).body.data.find((row) => row.key === key);

test('every setting is listed, secrets without their value', async () => {
    const { body } = await request(server, 'GET', '/api/config');
    assert.ok(body.data.length > 30);
    for (const row of body.data) for (const field of ['key', 'value', 'default', 'doc', 'secret', 'restart']) assert.ok(field in row, `${row.key}.${field}`);
    const token = await keyed('server.token');
    assert.equal(token.secret, true);
    assert.equal(token.value, null);
    const data = await keyed('server.data');
    assert.equal(data.locked, true);
    assert.equal(data.from, 'flag');
});

test('a setting changes at once and stays; bad ones are refused by name', async () => {
    const changed = await request(server, 'PUT', '/api/config', { 'user.name': 'Ana', 'room.text_max': '1K' });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.equal((await keyed('user.name')).value, 'Ana');
    assert.equal((await keyed('user.name')).from, 'stored');
    const room = await openRoom(server);
    assert.equal((await say(server, room, 'hello')).author.name, 'Ana');
    errorOf(await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'x'.repeat(2000) }), 422);
    await settled(server, room);
    assert.equal(errorOf(await request(server, 'PUT', '/api/config', { 'user.nam': 'x' }), 400).param, 'user.nam');
    errorOf(await request(server, 'PUT', '/api/config', { 'room.text_max': 'lots' }), 400);
    errorOf(await request(server, 'PUT', '/api/config', { 'server.data': '/elsewhere' }), 409);
    await server.stop();
    server = await startServer({ data: server.data });
    assert.equal((await keyed('user.name')).value, 'Ana');
    const reset = await request(server, 'PUT', '/api/config', { 'user.name': null, room: { text_max: null } });
    assert.equal(reset.status, 200);
    assert.equal((await keyed('user.name')).value, '');
});

test('a provider\'s key goes in and never comes out', async () => {
    const body = { name: 'lm', base_url: models.url, api_key: 'sk-a-secret', settings: { retries: '0', first_token_timeout: '2s' } };
    const made = await request(server, 'POST', '/api/providers', body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.api_key_set, true);
    assert.equal(made.body.settings.first_token_timeout, '2s');
    errorOf(await request(server, 'POST', '/api/providers', body), 409);
    const put = await request(server, 'PUT', '/api/providers/lm', { base_url: models.url });
    assert.equal(put.body.api_key_set, true, 'a key that is left out stays');
    for (const path of ['/api/providers', '/api/providers/lm', '/api/config', '/api/healthcheck', '/api/openapi.json', '/metrics'])
        assert.ok(!JSON.stringify((await request(server, 'GET', path)).body).includes('sk-a-secret'), path);
    assert.ok(!server.log.includes('sk-a-secret'));
    for (const [bad, status] of [
        [{ name: 'Bad Name', base_url: models.url }, 422],
        [{ base_url: models.url }, 400],
        [{ name: 'x' }, 400],
        [{ name: 'x', base_url: 'ftp://x' }, 400],
        [{ name: 'x', base_url: models.url, apikey: 'x' }, 400],
        [{ name: 'x', base_url: models.url, settings: { nonsense: '1' } }, 400],
        [{ name: 'x', base_url: models.url, settings: { retries: 'many' } }, 400],
        [{ name: 'scripted', base_url: models.url }, 409]
    ])
        errorOf(await request(server, 'POST', '/api/providers', bad), status);
});

test('an engine is made, tested, used without a restart, and removed', async () => {
    const made = await request(server, 'POST', '/api/engines', { name: 'good', provider: 'lm', model: 'ok', temperature: 0.5, stop: ['a', 'b'] });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.temperature, 0.5);
    assert.deepEqual(made.body.stop, ['a', 'b']);
    assert.equal(made.body.top_p, null);
    const good = await request(server, 'POST', '/api/engines/good/test');
    assert.equal(good.body.ok, true, JSON.stringify(good.body));
    assert.equal(good.body.reply, 'Hello from the model.');
    assert.equal(typeof good.body.latency_ms, 'number');
    await request(server, 'PUT', '/api/engines/bad', { provider: 'lm', model: 'auth', fallback: ['good'] });
    const bad = await request(server, 'POST', '/api/engines/bad/test');
    assert.equal(bad.body.ok, false);
    assert.equal(bad.body.error.code, 'auth');
    errorOf(await request(server, 'POST', '/api/engines/none/test'), 404);
    await request(server, 'PUT', '/api/config', { 'engine.default': 'good' });
    const room = await openRoom(server);
    await say(server, room, 'hello');
    const answer = (await settled(server, room)).findLast((e) => e.kind === 'message');
    assert.equal(answer.data.text, 'Hello from the model.');
    for (const [body, status] of [
        [{ name: 'x', provider: 'nowhere', model: 'y' }, 400],
        [{ name: 'x', provider: 'lm', model: 'y', fallback: ['nowhere'] }, 400],
        [{ name: 'x', provider: 'lm', model: 'y', temperature: 9 }, 422],
        [{ name: 'x', provider: 'lm', model: 'y', temperature: 'hot' }, 400],
        [{ name: 'default', provider: 'lm', model: 'y' }, 422],
        [{ name: 'good', provider: 'lm', model: 'y' }, 409]
    ])
        errorOf(await request(server, 'POST', '/api/engines', body), status);
    errorOf(await request(server, 'DELETE', '/api/providers/lm'), 400);
    const list = await request(server, 'GET', '/api/engines');
    assert.deepEqual(list.body.data.map((e) => e.name).sort(), ['bad', 'good', 'scripted']);
    assert.equal(list.body.data.find((e) => e.name === 'good').default, true);
    const names = [];
    for (let next = ''; next !== null; ) {
        const page = (await request(server, 'GET', `/api/engines?limit=2${next && '&after=' + next}`)).body;
        assert.ok(page.data.length <= 2);
        names.push(...page.data.map((e) => e.name));
        next = page.next;
    }
    assert.deepEqual(names.sort(), ['bad', 'good', 'scripted']);
    errorOf(await request(server, 'GET', '/api/providers?limit=0'), 400);
    await request(server, 'PUT', '/api/config', { 'engine.default': null });
    assert.equal((await request(server, 'DELETE', '/api/engines/bad')).status, 204);
    assert.equal((await request(server, 'DELETE', '/api/engines/good')).status, 204);
    assert.equal((await request(server, 'DELETE', '/api/providers/lm')).status, 204);
    errorOf(await request(server, 'GET', '/api/engines/good'), 404);
    errorOf(await request(server, 'DELETE', '/api/engines/good'), 404);
});

test('what the file sets is shown and locked', async () => {
    const data = makeFolder();
    writeFileSync(join(data, 'eidolon.ini'), `[provider.filed]\nbase_url = ${models.url}\napi_key = sk-a-secret\n\n[engine.filed]\nprovider = filed\nmodel = ok\n`);
    const own = await startServer({ data });
    const provider = await request(own, 'GET', '/api/providers/filed');
    assert.equal(provider.body.locked, true);
    assert.equal(provider.body.api_key_set, true);
    errorOf(await request(own, 'PUT', '/api/providers/filed', { base_url: 'http://127.0.0.1:1/v1' }), 409);
    errorOf(await request(own, 'DELETE', '/api/engines/filed'), 409);
    assert.equal((await request(own, 'POST', '/api/engines/filed/test')).body.ok, true);
    await own.stop();
    assert.ok(readFileSync(join(data, 'eidolon.ini'), 'utf8').includes('sk-a-secret'));
    removeFolder(data);
});
