// Personas: their fields, their cards, their versions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';

let server;
before(async () => {
    server = await startServer();
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const FIELDS = ['id', 'slug', 'name', 'description', 'personality', 'scenario', 'greeting', 'system_prompt', 'traits', 'voice', 'avatar',
    'engine', 'boundaries', 'goals', 'starters', 'tags', 'version', 'created_at', 'updated_at'];

test('the cast has every field', async () => {
    for (const slug of ['philosopher', 'comedian', 'scientist', 'mia', 'solene', 'lyra', 'kimi']) {
        const { body, status } = await request(server, 'GET', `/api/personas/${slug}`);
        assert.equal(status, 200);
        for (const field of FIELDS) assert.ok(field in body, `${slug}.${field}`);
        for (const value of Object.values(body.traits)) assert.ok(value >= 0 && value <= 1);
        assert.equal((await request(server, 'GET', `/api/personas/${body.id}`)).body.slug, slug);
    }
});

test('create, replace, change, duplicate, delete, restore', async () => {
    const made = await request(server, 'POST', '/api/personas', { name: 'Bö Näme', description: 'A friend.', traits: { humor: 0.9 } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.traits.humor, 0.9);
    assert.match(made.body.slug, /^[a-z0-9-]+$/);
    const path = `/api/personas/${made.body.id}`;
    const patched = await request(server, 'PATCH', path, { greeting: 'Hi {{user}}!' });
    assert.equal(patched.body.greeting, 'Hi {{user}}!');
    assert.equal(patched.body.description, 'A friend.');
    assert.equal(patched.body.version, made.body.version + 1);
    const put = await request(server, 'PUT', path, { name: 'Bo' });
    assert.equal(put.body.description, '');
    assert.equal(put.body.id, made.body.id);
    const copy = await request(server, 'POST', `${path}/duplicate`, {});
    assert.equal(copy.status, 201);
    assert.notEqual(copy.body.id, made.body.id);
    assert.equal((await request(server, 'DELETE', path)).status, 204);
    const gone = await request(server, 'GET', path);
    assert.ok([404, 410].includes(gone.status));
    assert.equal((await request(server, 'POST', `${path}/restore`)).status, 200);
    assert.equal((await request(server, 'GET', path)).status, 200);
});

test('what does not fit is refused by name', async () => {
    const cases = [
        [{}, 'name'],
        [{ name: 5 }, 'name'],
        [{ name: 'x', nonsense: 1 }, 'nonsense'],
        [{ name: 'x', traits: { humor: 2 } }, 'traits.humor'],
        [{ name: 'x', traits: { humour: 0.5 } }, 'traits.humour'],
        [{ name: 'x', boundaries: 'none' }, 'boundaries'],
        [{ name: 'x', slug: 'No Good' }, 'slug']
    ];
    for (const [body, param] of cases) {
        const answer = await request(server, 'POST', '/api/personas', body);
        assert.ok([400, 422].includes(answer.status), JSON.stringify(body));
        assert.equal(answer.body.error.param, param, JSON.stringify(answer.body));
    }
    const taken = await request(server, 'POST', '/api/personas', { name: 'x', slug: 'mia' });
    errorOf(taken, 409);
});

test('a change from an old version is refused', async () => {
    const made = await request(server, 'POST', '/api/personas', { name: 'Versioned' });
    const path = `/api/personas/${made.body.id}`;
    const etag = (await request(server, 'GET', path)).headers.get('etag');
    assert.equal((await request(server, 'PATCH', path, { name: 'V2' }, { 'If-Match': etag })).status, 200);
    errorOf(await request(server, 'PATCH', path, { name: 'V3' }, { 'If-Match': etag }), 412);
    errorOf(await request(server, 'DELETE', path, undefined, { 'If-Match': etag }), 412);
    assert.equal((await request(server, 'GET', path, undefined, { 'If-None-Match': '"2"' })).status, 304);
});

test('an Idempotency-Key makes one persona of two requests', async () => {
    const key = { 'Idempotency-Key': 'persona-1' };
    const one = await request(server, 'POST', '/api/personas', { name: 'Only' }, key);
    const two = await request(server, 'POST', '/api/personas', { name: 'Only' }, key);
    assert.equal(one.status, 201);
    assert.equal(two.body.id, one.body.id);
    errorOf(await request(server, 'POST', '/api/personas', { name: 'Other' }, key), 409);
});

const CARD = {
    spec: 'chara_card_v3',
    spec_version: '3.0',
    data: {
        name: 'Carded', description: 'From a card.', personality: 'dry', scenario: '', first_mes: 'Hello.', mes_example: '',
        creator_notes: 'kept', system_prompt: '', post_history_instructions: '', alternate_greetings: [], tags: ['x'],
        creator: 'somebody', character_version: '7', extensions: { 'other/tool': { weight: 0.10000000000000001, big: 12345678901234567890123 } }
    },
    unknown_root: [1, 2, 3]
};

test('cards come in and go out, with what Eidolon has no field for', async () => {
    const form = new FormData();
    form.append('file', new Blob([JSON.stringify(CARD)], { type: 'application/json' }), 'card.json');
    const byForm = await fetch(`${server.url}/api/personas/import`, { method: 'POST', body: form });
    assert.equal(byForm.status, 201);
    const text = JSON.stringify(CARD).replace('0.1,"big":1.2345678901234568e+22', '0.10000000000000001,"big":12345678901234567890123');
    const made = await request(server, 'POST', '/api/personas/import', text, { 'Content-Type': 'application/json' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.name, 'Carded');
    const answer = await fetch(`${server.url}/api/personas/${made.body.id}/card.json`);
    const out = await answer.text();
    assert.equal(answer.status, 200);
    assert.ok(out.includes('0.10000000000000001') && out.includes('12345678901234567890123'), 'numbers keep their text');
    const card = JSON.parse(out);
    assert.equal(card.data.creator_notes, 'kept');
    assert.deepEqual(card.unknown_root, [1, 2, 3]);
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/card.gif`), 404);
    errorOf(await request(server, 'POST', '/api/personas/import', '{"no":"card"}', { 'Content-Type': 'application/json' }), 400);
    errorOf(await request(server, 'POST', '/api/personas/import', '', { 'Content-Type': 'application/json' }), 400);
});
