// Downloads of models against a server that stalls, cuts, lies and redirects: they resume or refuse, in words, and
// a broken model is never in place.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startFiles } from './lib/file-server.mjs';
import { sha256 } from './lib/gguf.mjs';
import { errorOf } from './lib/talk.mjs';

const data = makeFolder();
const folder = join(data, 'models');
let server, files;
const flags = () => ['--llama.pull_private=on', '--llama.pull_stall=300ms', '--llama.pull_tries=3', `--llama.hub=${files.url}`, '--llama.hf_token=hf_secret'];
before(async () => {
    files = await startFiles();
    server = await startServer({ data, args: flags() });
});
after(async () => {
    await server.stop();
    files.close();
    removeFolder(data);
});

const api = (method, path, body) => request(server, method, path, body);
const placed = (name) => join(folder, `${name}.gguf`);
async function begin(body) {
    const begun = await api('POST', '/api/models/pull', typeof body === 'string' ? { url: `${files.url}/${body}/${body}.gguf` } : body);
    assert.equal(begun.status, 202, JSON.stringify(begun.body));
    return begun.body;
}
const look = async (id) => (await api('GET', `/api/models/pulls/${id}`)).body;
async function end(id) {
    for (let tries = 0; tries < 400; tries++) {
        const pull = await look(id);
        if (['done', 'failed', 'cancelled'].includes(pull.state)) return pull;
        await sleep(25);
    }
    throw new Error(`the download did not end: ${JSON.stringify(await look(id))}`);
}
const got = (how) => files.requests.filter((r) => r.url.includes(`/${how}/`));

for (const how of ['good', 'right-sum', 'linked', 'chunked'])
    test(`${how}: in its place, with what is known of it`, async () => {
        const pull = await end((await begin(how)).id);
        assert.equal(pull.state, 'done', pull.error);
        assert.equal(pull.sha256, files.sum);
        assert.equal(pull.received, files.file.length);
        assert.equal(sha256(readFileSync(placed(how))), files.sum);
        const model = (await api('GET', '/api/models')).body.data.find((m) => m.name === how);
        assert.deepEqual([model.sha256, model.url, model.arch, model.state], [files.sum, `${files.url}/${how}/${how}.gguf`, 'llama', 'file']);
    });

test('a cut: the rest is asked for, not the whole', async () => {
    for (const how of ['once-cut', 'cuts', 'stall']) {
        const pull = await end((await begin(how)).id);
        assert.equal(pull.state, 'done', pull.error);
        assert.equal(sha256(readFileSync(placed(how))), files.sum);
        const again = got(how)[1];
        assert.match(again.range, /^bytes=[1-9]\d*-$/);
        assert.match(again.ifRange, /^".+"$/);
    }
});

test('no ranges, a weak tag, another range than asked: from the beginning, and right', async () => {
    for (const how of ['no-range', 'weak', 'lies-range']) {
        const pull = await end((await begin(how)).id);
        assert.equal(pull.state, 'done', `${how}: ${pull.error}`);
        assert.equal(sha256(readFileSync(placed(how))), files.sum, how);
    }
    assert.equal(got('weak')[1].range, undefined);
});

test('the file changes between two tries: the new one, whole', async () => {
    const pull = await end((await begin('changes')).id);
    assert.equal(pull.state, 'done', pull.error);
    assert.equal(sha256(readFileSync(placed('changes'))), files.otherSum);
});

test('busy: it comes back when it was told to', async () => {
    const began = Date.now();
    const { id } = await begin('busy');
    await sleep(300);
    assert.match((await look(id)).waiting, /busy \(429\)/);
    assert.equal((await end(id)).state, 'done');
    assert.ok(Date.now() - began >= 2000);
});

const refusals = {
    short: /tries in a row/, long: /more than it had said/, 'wrong-sum': /checksum that the server promised/, 'wrong-linked': /checksum that the server promised/, html: /web page/,
    junk: /no model/, truncated: /cut short/, down: /busy \(503\)/, loop: /without end/, downgrade: /no http address/, gone: /no such file/, gated: /llama\.hf_token/,
    nolength: /how long the file is/, 'always-stall': /tries in a row/
};
for (const [how, why] of Object.entries(refusals))
    test(`${how}: refused in words, nothing in place`, async () => {
        const pull = await end((await begin(how)).id);
        assert.equal(pull.state, 'failed');
        assert.match(pull.error, why);
        assert.match(pull.error, /^\P{Ll}.*\.$/su);
        assert.ok(!existsSync(placed(how)));
        assert.equal((await api('GET', '/api/models')).body.data.some((m) => m.name === how), false);
    });

test('a checksum of the person’s own', async () => {
    const wrong = await end((await begin({ url: `${files.url}/good/mine.gguf`, sha256: files.otherSum })).id);
    assert.equal(wrong.state, 'failed');
    assert.match(wrong.error, /checksum that was asked for/);
    assert.ok(!existsSync(placed('mine')));
    const left = () => readdirSync(folder).some((f) => f.includes('mine') && f.endsWith('.part'));
    for (let i = 0; i < 40 && left(); i++) await sleep(25);
    assert.equal(left(), false, 'what was wrong is thrown away');
    const right = await end((await begin({ url: `${files.url}/good/mine.gguf`, sha256: `sha256:${files.sum.toUpperCase()}` })).id);
    assert.equal(right.state, 'done', right.error);
    const known = await end((await begin({ url: `${files.url}/nolength/known.gguf`, sha256: files.sum })).id);
    assert.equal(known.state, 'done', known.error);
    errorOf(await api('POST', '/api/models/pull', { url: `${files.url}/good/x.gguf`, sha256: 'abc' }), 422);
});

test('two of one are one; a name that is taken is not overwritten', async () => {
    const [a, b] = await Promise.all([begin('slow'), begin('slow')]);
    assert.equal(a.id, b.id);
    errorOf(await api('POST', '/api/models/pull', { url: `${files.url}/good/other.gguf`, name: 'slow' }), 409);
    const done = await end(a.id);
    assert.equal(done.state, 'done', done.error);
    assert.equal(got('slow').length, 1);
    const before = statSync(placed('slow')).ino;
    const again = await end((await begin('slow')).id);
    assert.match(again.error, /already/);
    assert.equal(statSync(placed('slow')).ino, before);
});

test('cancelled: the server hears of it, nothing is left', async () => {
    const { id } = await begin({ url: `${files.url}/slow/cancel-me.gguf` });
    await sleep(200);
    const aborted = files.aborted;
    const running = await look(id);
    assert.equal(running.state, 'running');
    assert.equal(running.size, files.file.length);
    assert.equal((await api('DELETE', `/api/models/pulls/${id}`)).status, 204);
    assert.equal((await look(id)).state, 'cancelled');
    await sleep(200);
    assert.equal(files.aborted, aborted + 1);
    assert.equal(readdirSync(folder).some((f) => f.includes('cancel-me') || f.includes(id)), false);
    assert.equal((await api('DELETE', `/api/models/pulls/${id}`)).status, 204);
    assert.equal((await api('GET', `/api/models/pulls/${id}`)).status, 404);
});

test('a restart, gentle or not, goes on where it was', async () => {
    const asked = files.requests.length;
    const { id } = await begin({ url: `${files.url}/slow/restart.gguf` });
    await sleep(700);
    await server.kill();
    server = await startServer({ data, args: flags() });
    const pull = await end(id);
    assert.equal(pull.state, 'done', pull.error);
    assert.equal(sha256(readFileSync(placed('restart'))), files.sum);
    const mine = files.requests.slice(asked).filter((r) => r.url.includes('restart'));
    assert.equal(mine.length, 2);
    assert.equal(readdirSync(folder).some((f) => f.includes(id)), false);
});

test('a failed one is still there after a restart, and goes on when it is asked for again', async () => {
    files.count.stall = 0;
    await api('PUT', '/api/config', { 'llama.pull_tries': 1 });
    const server2 = await startServer({ args: [...flags().filter((f) => !f.includes('tries')), '--llama.pull_tries=1'] });
    const begun = (await request(server2, 'POST', '/api/models/pull', { url: `${files.url}/stall/later.gguf` })).body;
    let pull;
    for (let i = 0; i < 200 && pull?.state !== 'failed'; i++, await sleep(25)) pull = (await request(server2, 'GET', `/api/models/pulls/${begun.id}`)).body;
    assert.equal(pull.state, 'failed');
    await sleep(100);
    await server2.stop();
    const server3 = await startServer({ data: server2.data, args: flags() });
    pull = (await request(server3, 'GET', `/api/models/pulls/${begun.id}`)).body;
    assert.equal(pull.state, 'failed');
    assert.match(pull.error, /tries in a row/);
    const again = (await request(server3, 'POST', '/api/models/pull', { url: `${files.url}/stall/later.gguf` })).body;
    assert.equal(again.id, begun.id);
    for (let i = 0; i < 200 && pull.state !== 'done'; i++, await sleep(25)) pull = (await request(server3, 'GET', `/api/models/pulls/${begun.id}`)).body;
    assert.equal(pull.state, 'done', pull.error);
    assert.match(files.requests.filter((r) => r.url.includes('later')).at(-1).range, /^bytes=[1-9]/);
    await server3.stop();
    removeFolder(server2.data);
});

test('Hugging Face: a page’s address, hf: names with the checksum of the list, the token for the hub only', async () => {
    const page = await end((await begin({ url: `${files.url}/Some/Repo/blob/main/From-Page.gguf` })).id);
    assert.equal(page.state, 'done', page.error);
    assert.equal(page.url, `${files.url}/Some/Repo/resolve/main/From-Page.gguf`);
    assert.equal(files.requests.at(-1).auth, 'Bearer hf_secret');
    const usual = await end((await begin({ url: 'hf:Some/Repo' })).id);
    assert.equal(usual.state, 'done', usual.error);
    assert.deepEqual([usual.name, usual.sha256], ['Tiny-Q4_K_M', files.sum]);
    const small = await end((await begin({ url: 'hf:Some/Repo:q2_k', name: 'small' })).id);
    assert.deepEqual([small.state, small.name, small.sha256], ['done', 'small', files.otherSum]);
    assert.match((await end((await begin({ url: 'hf:Some/Repo:Q9_9' })).id)).error, /no file of the quantization Q9_9/);
    errorOf(await api('POST', '/api/models/pull', { url: 'hf:Some' }), 422);
});

test('a split model comes together', async () => {
    const pull = await end((await begin({ url: `${files.url}/parts/Split-00001-of-00002.gguf` })).id);
    assert.equal(pull.state, 'done', pull.error);
    assert.deepEqual([pull.name, pull.parts], ['Split', 2]);
    const model = (await api('GET', '/api/models/Split')).body;
    assert.deepEqual([model.parts, model.size_bytes, model.state], [2, files.parts[0].length + files.parts[1].length, 'file']);
    assert.equal((await api('DELETE', '/api/models/Split')).status, 204);
    assert.equal(readdirSync(folder).some((f) => f.startsWith('Split')), false);
});

test('what is no address, no name, or private is refused', async () => {
    for (const url of ['ftp://x/y.gguf', 'nonsense', `${files.url}/good/`, `${files.url}/good/x.bin`, `${files.url}/good/.hidden.gguf`]) errorOf(await api('POST', '/api/models/pull', { url }), 422);
    errorOf(await api('POST', '/api/models/pull', { url: `${files.url}/good/x.gguf`, name: '../x' }), 422);
    errorOf(await api('POST', '/api/models/pull', {}), 400);
    errorOf(await api('POST', '/api/models/pull', { catalogue: 'nobody' }), 404);
    const careful = await startServer();
    const begun = await request(careful, 'POST', '/api/models/pull', { url: `${files.url}/good/x.gguf` });
    let pull = begun.body;
    for (let i = 0; i < 200 && pull.state !== 'failed'; i++, await sleep(25)) pull = (await request(careful, 'GET', `/api/models/pulls/${begun.body.id}`)).body;
    assert.match(pull.error, /private network.*llama\.pull_private/s);
    await careful.stop();
    removeFolder(careful.data);
});

test('in the end nothing half is left but what may be resumed', () => {
    const parts = readdirSync(folder).filter((f) => f.endsWith('.part'));
    for (const f of parts) assert.match(f, /short|always-stall|down|nolength|long/, f);
});
