// Versions of personas: kept with every change, compared, restored, erased with the persona.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';

let server, path;
before(async () => {
    server = await startServer();
    const made = await request(server, 'POST', '/api/personas', { name: 'Ada', description: 'A kind friend.', tags: ['one'] });
    path = `/api/personas/${made.body.id}`;
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});
const versions = async () => (await request(server, 'GET', `${path}/versions`)).body.data;

test('every change is a version with what it changed', async () => {
    await request(server, 'PATCH', path, { description: 'A very kind friend.', tags: ['one', 'two'] });
    await request(server, 'PATCH', path, { favourite: true });
    await request(server, 'PATCH', path, { name: 'Ada L.' });
    const list = await versions();
    assert.deepEqual(list.map((v) => [v.version, v.changed]), [
        [4, ['name']],
        [3, ['description', 'tags']],
        [1, []]
    ]);
    assert.equal(typeof list[0].author, 'string');
    assert.equal(list[0].note, null);
    assert.ok(Date.parse(list[0].at) >= Date.parse(list[2].at));
    const was = await request(server, 'GET', `${path}/versions/1`);
    assert.equal(was.body.description, 'A kind friend.');
    assert.equal(was.body.version, 1);
    assert.equal(was.body.id, list.id ?? was.body.id);
    const page = await request(server, 'GET', `${path}/versions?limit=2`);
    assert.equal(page.body.data.length, 2);
    const rest = await request(server, 'GET', `${path}/versions?limit=2&after=${page.body.next}`);
    assert.deepEqual(rest.body.data.map((v) => v.version), [1]);
    assert.equal(rest.body.next, null);
});

test('a difference is said field by field, in pieces', async () => {
    const { body } = await request(server, 'GET', `${path}/versions/1/diff`);
    assert.equal(body.from, 1);
    assert.equal(body.to, 4);
    assert.deepEqual(body.fields.map((f) => f.field), ['name', 'description', 'tags']);
    assert.deepEqual(body.fields[1].hunks, [
        { op: 'same', text: 'A ' },
        { op: 'added', text: 'very ' },
        { op: 'same', text: 'kind friend.' }
    ]);
    assert.deepEqual(body.fields[2].before, ['one']);
    assert.deepEqual(body.fields[2].after, ['one', 'two']);
    const back = await request(server, 'GET', `${path}/versions/4/diff?to=3`);
    assert.deepEqual(back.body.fields.map((f) => [f.field, f.before, f.after]), [['name', 'Ada L.', 'Ada']]);
});

test('restoring makes a new version, and respects If-Match', async () => {
    const stale = await request(server, 'POST', `${path}/versions/1/restore`, undefined, { 'If-Match': '"1"' });
    errorOf(stale, 412);
    const restored = await request(server, 'POST', `${path}/versions/1/restore`, undefined, { 'If-Match': '"4"' });
    assert.equal(restored.status, 200, JSON.stringify(restored.body));
    assert.equal(restored.body.version, 5);
    assert.equal(restored.body.name, 'Ada');
    assert.equal(restored.body.description, 'A kind friend.');
    assert.equal(restored.body.favourite, true, 'what is the owner’s own stays');
    const [newest] = await versions();
    assert.equal(newest.note, 'Version 1 restored');
    assert.deepEqual(newest.changed, ['name', 'description', 'tags']);
    assert.equal((await request(server, 'GET', `/api/personas?find=ada&fields=summary`)).body.data[0].tagline, 'A kind friend.');
});

test('erased for good, nothing of it is left', async () => {
    const gone = (await request(server, 'POST', '/api/personas', { name: 'Gone', description: 'Secret zanzibar.' })).body;
    await request(server, 'PATCH', `/api/personas/${gone.id}`, { description: 'Nothing.' });
    await request(server, 'DELETE', `/api/personas/${gone.id}`);
    assert.equal((await request(server, 'DELETE', `/api/personas/${gone.id}?forget=true`)).status, 204);
    errorOf(await request(server, 'GET', `/api/personas/${gone.id}/versions`), 404);
    errorOf(await request(server, 'POST', `/api/personas/${gone.id}/restore`), 404);
    for (const file of ['store.db', 'store.db-wal']) {
        const bytes = existsSync(join(server.data, file)) ? readFileSync(join(server.data, file)) : Buffer.alloc(0);
        assert.equal(bytes.includes('zanzibar'), false, file);
    }
});

test('what is not there is said', async () => {
    errorOf(await request(server, 'GET', `${path}/versions/77`), 404);
    errorOf(await request(server, 'GET', `${path}/versions/2/diff`), 404);
    errorOf(await request(server, 'GET', `${path}/versions/first`), 404);
    errorOf(await request(server, 'POST', `${path}/versions/0/restore`), 404);
    errorOf(await request(server, 'GET', '/api/personas/nobody/versions'), 404);
});
