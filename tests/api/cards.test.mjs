// Cards and pictures over the API: import by file, form and address, what is here already, portraits, assets, backup, and a
// reader that is killed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { base64, chunks, png, tEXt, texts, zip } from '../lib/cardfiles.mjs';
import { binary, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { errorOf } from './lib/talk.mjs';

let server, site, pages = {};
const card = (name, more = {}) => ({ spec: 'chara_card_v3', spec_version: '3.0', data: { name, description: `${name} is here.`, ...more } });
const cardPng = (name, seed = 1) => png({ seed, after: [tEXt('ccv3', base64(JSON.stringify(card(name))))] });
const send = async (path, body, { method = 'POST', type = 'application/octet-stream', headers = {} } = {}) => {
    const answer = await fetch(server.url + path, { method, body, headers: { ...(type ? { 'Content-Type': type } : {}), ...headers } });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : null };
};

before(async () => {
    server = await startServer();
    site = http.createServer((req, res) => (pages[req.url] ?? ((_, r) => r.writeHead(404).end()))(req, res));
    await new Promise((ready) => site.listen(0, '127.0.0.1', ready));
});
after(async () => {
    site.close();
    await server.stop();
    removeFolder(server.data);
});

test('a form, a body, and the same card twice', async () => {
    const form = new FormData(), bytes = cardPng('Form');
    form.append('file', new Blob([bytes], { type: 'image/png' }), 'form.png');
    const byForm = await send('/api/personas/import', form, { type: null });
    assert.equal(byForm.status, 201, JSON.stringify(byForm.body));
    assert.match(byForm.body.portrait, /^\/api\/personas\/.*\/portrait\?v=/);
    assert.equal(byForm.headers.get('location'), `/api/personas/${byForm.body.id}`);
    const skipped = await send('/api/personas/import?same=skip', bytes);
    assert.equal(skipped.status, 200);
    assert.equal(skipped.body.id, byForm.body.id);
    const kept = await send('/api/personas/import', bytes);
    assert.equal(kept.status, 201);
    assert.notEqual(kept.body.id, byForm.body.id);
    errorOf(await send('/api/personas/import?same=maybe', bytes), 400);
    // Deleted: it is not here any more.
    await request(server, 'DELETE', `/api/personas/${kept.body.id}`);
    const again = await send('/api/personas/import?same=skip', bytes);
    assert.equal(again.status, 201);
});

test('an Idempotency-Key makes one persona', async () => {
    const headers = { 'Idempotency-Key': 'card-once' }, bytes = cardPng('Once');
    const [a, b] = [await send('/api/personas/import', bytes, { headers }), await send('/api/personas/import', bytes, { headers })];
    assert.equal(a.body.id, b.body.id);
    assert.equal(b.status, 201);
});

test('portraits: given, shown, exported, taken away', async () => {
    const made = await request(server, 'POST', '/api/personas', { name: 'Faceless' });
    const path = `/api/personas/${made.body.id}`;
    assert.equal(made.body.portrait, null);
    errorOf(await request(server, 'GET', `${path}/portrait`), 404);
    const painted = Buffer.from(await (await fetch(`${server.url}${path}/card.png`)).arrayBuffer());
    assert.ok(chunks(painted).some(({ type }) => type === 'IDAT'));
    assert.equal((await send('/api/personas/import', painted)).body.portrait, null, 'a painted picture is nobody\'s');

    const picture = png({ seed: 99, before: [tEXt('Title', 'mine')], after: [tEXt('chara', base64('{"secret":1}'))] });
    const given = await send(`${path}/portrait`, picture, { method: 'PUT', type: 'image/png' });
    assert.equal(given.status, 200, JSON.stringify(given.body));
    assert.equal(given.body.version, made.body.version + 1);
    const shown = await fetch(server.url + given.body.portrait);
    assert.equal(shown.headers.get('content-type'), 'image/png');
    assert.match(shown.headers.get('content-security-policy'), /sandbox/);
    assert.match(shown.headers.get('cache-control'), /immutable/);
    const bytes = Buffer.from(await shown.arrayBuffer());
    assert.equal(texts(bytes).Title, 'mine');
    assert.equal(texts(bytes).chara, undefined, 'no card rides along in a picture');
    const exported = Buffer.from(await (await fetch(`${server.url}${path}/card.png`)).arrayBuffer());
    assert.equal(texts(exported).Title, 'mine');
    const range = await fetch(server.url + given.body.portrait, { headers: { Range: 'bytes=0-7' } });
    assert.equal(range.status, 206);

    errorOf(await send(`${path}/portrait`, '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', { method: 'PUT', type: 'image/svg+xml' }), 415);
    errorOf(await send(`${path}/portrait`, picture.subarray(0, 40), { method: 'PUT', type: 'image/png' }), 400);
    errorOf(await send(`${path}/portrait`, picture, { method: 'PUT', headers: { 'If-Match': '"1"' } }), 412);
    errorOf(await send('/api/personas/nobody-here/portrait', picture, { method: 'PUT' }), 404);
    const summary = (await request(server, 'GET', '/api/personas?fields=summary&find=Faceless')).body.data.find((p) => p.id === made.body.id);
    assert.equal(summary.portrait, given.body.portrait);
    const gone = await request(server, 'DELETE', `${path}/portrait`);
    assert.equal(gone.body.portrait, null);
    errorOf(await request(server, 'GET', `${path}/portrait`), 404);
    // What a client read it may send back.
    assert.equal((await request(server, 'PATCH', path, { portrait: null, description: 'x' })).status, 200);
    errorOf(await request(server, 'PATCH', path, { portrait: '/elsewhere' }), 422);
});

test('assets are listed and served as nothing that runs', async () => {
    const page = '<html><script>alert(1)</script></html>';
    const made = await send('/api/personas/import', zip({
        'card.json': JSON.stringify(card('Loaded', { assets: [{ type: 'icon', name: 'main', ext: 'png', uri: 'embeded://i.png' },
            { type: 'x_page', name: 'page', ext: 'html', uri: 'embeded://page.html' }, { type: 'x', name: 'far', ext: 'png', uri: 'https://example.org/a.png' }] })),
        'i.png': png(), 'page.html': page
    }));
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { data } = (await request(server, 'GET', `/api/personas/${made.body.id}/assets`)).body;
    assert.deepEqual(data.map((a) => [a.index, a.type, a.size !== null]), [[0, 'icon', true], [1, 'x_page', true], [2, 'x', false]]);
    const served = await fetch(server.url + data[1].url);
    assert.equal(await served.text(), page);
    assert.equal(served.headers.get('content-type'), 'application/octet-stream');
    assert.equal(served.headers.get('content-disposition'), 'attachment');
    assert.equal(served.headers.get('x-content-type-options'), 'nosniff');
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/assets/2`), 404);
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/assets/9`), 404);
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/assets/x`), 404);
    // A copy keeps the files, also when the first one goes.
    const copy = await request(server, 'POST', `/api/personas/${made.body.id}/duplicate`, {});
    assert.equal((await fetch(server.url + copy.body.portrait)).status, 200);
});

test('an edited V2 card in V2 and V3', async () => {
    const made = await send('/api/personas/import', JSON.stringify({ spec: 'chara_card_v2', spec_version: '2.0', data: { name: 'Two', tool: 1, extensions: { e: 2 } } }));
    await request(server, 'PATCH', `/api/personas/${made.body.id}`, { description: 'edited' });
    const get = async (query) => JSON.parse(await (await fetch(`${server.url}/api/personas/${made.body.id}/card.json${query}`)).text());
    for (const [query, spec] of [['?spec=v2', 'chara_card_v2'], ['?spec=v3', 'chara_card_v3'], ['', 'chara_card_v3']]) {
        const out = await get(query);
        assert.equal(out.spec, spec);
        assert.equal(out.data.description, 'edited');
        assert.equal(out.data.tool, 1);
        assert.equal(out.data.extensions.e, 2);
    }
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/card.json?spec=v9`), 400);
    errorOf(await request(server, 'GET', `/api/personas/${made.body.id}/card.png?spec=v2`), 400);
});

const url = (path, host = '127.0.0.1') => ({ url: `http://${host}:${site.address().port}${path}` });
const byUrl = (body, where = server) => request(where, 'POST', '/api/personas/import/url', body);

test('addresses of this machine and of private networks are refused', async () => {
    pages = { '/card.png': (_, res) => res.end(cardPng('Web')) };
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '127.1', '2130706433', '10.0.0.1', '192.168.1.1', '172.16.0.1',
        '169.254.169.254', '100.64.0.1', '[fd00::1]', '[fe80::1]', '224.0.0.1']) {
        const { status, body } = await byUrl(url('/card.png', host));
        assert.ok(status === 422 || status === 400, `${host}: ${status} ${JSON.stringify(body)}`);
        assert.ok(!/Web/.test(JSON.stringify(body)));
    }
    for (const bad of ['ftp://example.org/x', 'file:///etc/passwd', 'nonsense', '', 'http://', 'javascript:alert(1)'])
        assert.ok([400, 422].includes((await byUrl({ url: bad })).status), bad);
});

test('an owner may allow them; redirects are followed, pages are named', async () => {
    const open = await startServer({ args: ['--card.fetch_private=on', '--card.file_max=128K', '--card.fetch_timeout=2s'] });
    try {
        const to = (location, status = 302) => (_, res) => res.writeHead(status, { Location: location }).end();
        pages = {
            '/card.png': (_, res) => res.end(cardPng('Web')), '/one': to('/two', 301), '/two': to('three?x=1', 307), '/three?x=1': to(url('/card.png').url),
            '/round': to('/round'), '/page': (_, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>login</html>'),
            '/plain-page': (_, res) => res.end('<!doctype html><p>'), '/file': to('file:///etc/passwd'), '/huge': (_, res) => res.end(Buffer.alloc(300 << 10)),
            '/slow': (_, res) => res.writeHead(200).write('{'), '/not-a-card': (_, res) => res.end('{"a":1}')
        };
        for (const path of ['/card.png', '/one', '/two']) {
            const { status, body } = await byUrl(url(path), open);
            assert.equal(status, 201, `${path}: ${JSON.stringify(body)}`);
            assert.equal(body.name, 'Web');
        }
        assert.equal((await request(open, 'POST', '/api/personas/import/url?same=skip', url('/one'))).status, 200);
        assert.match(errorOf(await byUrl(url('/page'), open), 422).message, /web page/);
        assert.match(errorOf(await byUrl(url('/plain-page'), open), 422).message, /web page/);
        assert.match(errorOf(await byUrl(url('/gone'), open), 502).message, /404/);
        errorOf(await byUrl(url('/round'), open), 502);
        assert.equal((await byUrl(url('/file'), open)).status, 400);
        errorOf(await byUrl(url('/huge'), open), 413);
        const slow = await byUrl(url('/slow'), open);
        assert.ok(slow.status >= 500, JSON.stringify(slow.body));
        errorOf(await byUrl(url('/not-a-card'), open), 400);
    } finally {
        await open.stop();
        removeFolder(open.data);
    }
});

function readers() {
    return readdirSync('/proc').filter((pid) => {
        try {
            return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(server.child.pid) &&
                readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0child\0cards\0');
        } catch {
            return false;
        }
    }).map(Number);
}

test('a reader that is killed is started again, and nothing is lost', async () => {
    assert.ok(readers().length > 0);
    const answers = [];
    for (let i = 0; i < 20; i++) {
        answers.push(send('/api/personas/import', cardPng(`Killed ${i}`, i)));
        if (i % 7 === 3) for (const pid of readers()) process.kill(pid, 'SIGKILL');
        await new Promise((r) => setTimeout(r, 10));
    }
    for (const { status, body } of await Promise.all(answers)) assert.ok(status === 201 || status === 422, JSON.stringify(body));
    assert.equal((await send('/api/personas/import', cardPng('After'))).status, 201);
});

test('a backup has the files, and they come back', async () => {
    const data = makeFolder(), backup = join(data, 'backup.db'), first = await startServer({ data: join(data, 'a') });
    let made;
    try {
        made = await (await fetch(`${first.url}/api/personas/import`, { method: 'POST', body: cardPng('Saved', 42) })).json();
        execFileSync(binary, ['backup', backup, '--data', first.data]);
    } finally {
        await first.stop();
    }
    execFileSync(binary, ['restore', backup, '--data', join(data, 'b')]);
    const second = await startServer({ data: join(data, 'b') });
    try {
        const picture = await fetch(second.url + made.portrait);
        assert.equal(picture.status, 200);
        assert.equal(Buffer.from(await picture.arrayBuffer()).subarray(1, 4).toString(), 'PNG');
    } finally {
        await second.stop();
        removeFolder(data);
    }
});
