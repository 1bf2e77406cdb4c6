// The other commands: with and without a server, tables and JSON, pipes, exit codes, folders of cards, signals.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { allEvents, binary, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { Terminal } from '../lib/terminal.mjs';
import { startEngine } from './engine.mjs';

let server, engine;
const run = (args, { data = server.data, input = '', env = {}, cwd } = {}) =>
    spawnSync(binary, [...args, '--data', data], { encoding: 'utf8', input, timeout: 60000, cwd, env: { PATH: process.env.PATH, ...env } });

before(async () => {
    engine = await startEngine();
    server = await startServer();
    await request(server, 'PUT', '/api/providers/test', { base_url: engine.url });
    await request(server, 'PUT', '/api/engines/test', { provider: 'test', model: 'm' });
});
after(async () => {
    await server.stop();
    await engine.stop();
    removeFolder(server.data);
});

test('the socket: for the owner alone, gone with the server, replaced when stale', async () => {
    const path = join(server.data, 'eidolon.sock');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(server.data).mode & 0o077, 0);
    const answer = await new Promise((resolve) => {
        const socket = connect(path, () => socket.end('GET /api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
        let text = '';
        socket.on('data', (chunk) => (text += chunk));
        socket.on('close', () => resolve(text));
    });
    assert.match(answer, /"credential":"local"/);
    const own = await startServer();
    await own.kill();
    assert.ok(existsSync(join(own.data, 'eidolon.sock')), 'a killed server leaves its socket');
    const again = await startServer({ data: own.data });
    assert.equal(run(['persona', 'list'], { data: own.data }).status, 0);
    await again.stop();
    assert.ok(!existsSync(join(own.data, 'eidolon.sock')));
    removeFolder(own.data);
});

test('another user of the machine is refused even where the files would let them in', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
    const own = await startServer();
    const path = join(own.data, 'eidolon.sock');
    chmodSync(own.data, 0o711);
    chmodSync(path, 0o666);
    const script = `const s = require('net').connect(${JSON.stringify(path)}, () => s.write('GET /api/session HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'));
        let t = ''; s.on('data', (d) => { t += d; s.end(); }); s.on('error', (e) => (t += e.code)); s.on('close', () => console.log(t || 'closed'));`;
    const as = (uid) => spawnSync('setpriv', ['--reuid', uid, '--regid', uid, '--clear-groups', process.execPath, '-e', script], { encoding: 'utf8' }).stdout;
    assert.match(as('0'), /"credential":"local"/);
    assert.match(as('65534'), /^(closed|ECONNRESET|EPIPE)/);
    await own.stop();
    removeFolder(own.data);
});

test('a folder whose path is too long for a socket still works', async () => {
    const data = join(makeFolder(), 'x'.repeat(60), 'y'.repeat(80));
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const own = await startServer({ data });
    assert.ok(existsSync(join(data, 'eidolon.sock')));
    assert.match(run(['persona', 'list'], { data }).stdout, /^mia\t/m);
    assert.equal((await request(own, 'GET', '/readyz')).status, 200);
    await own.stop();
    assert.match(run(['persona', 'list'], { data }).stdout, /^mia\t/m);
    removeFolder(data);
});

test('one path with a server and without', () => {
    const data = makeFolder();
    const apart = run(['persona', 'list'], { data });
    assert.equal(apart.status, 0, apart.stderr);
    assert.equal(apart.stderr, '', 'nothing of the server\'s log');
    assert.equal(apart.stdout, run(['persona', 'list']).stdout);
    assert.ok(!existsSync(join(data, 'eidolon.sock')));
    removeFolder(data);
});

test('many commands at once on a folder without a server', async () => {
    const data = makeFolder();
    const one = () =>
        new Promise((resolve) => {
            const child = spawn(binary, ['chat', 'mia', '-m', 'hello', '--data', data], { env: { PATH: process.env.PATH } });
            let text = '';
            child.stdout.on('data', (chunk) => (text += chunk));
            child.stderr.on('data', (chunk) => (text += chunk));
            child.on('exit', (code) => resolve({ code, text }));
        });
    const all = await Promise.all([one(), one(), one(), one()]);
    for (const { code, text } of all) assert.ok(code === 0 || /try again|broke off/.test(text), `${code}: ${text}`);
    assert.ok(all.some((o) => o.code === 0));
    assert.equal(run(['room', 'list', '--json'], { data }).status, 0);
    removeFolder(data);
});

test('pipes: the answer alone, and an exit code', async () => {
    const who = (await request(server, 'POST', '/api/personas', { name: 'Pip', engine: 'test' })).body;
    engine.next({ words: ['just', '**this**', '\u001b[31mtext'] });
    const said = spawn(binary, ['chat', who.slug, '--data', server.data], { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    said.stdout.on('data', (chunk) => (out += chunk));
    said.stderr.on('data', (chunk) => (err += chunk));
    said.stdin.end('hi there\n');
    assert.equal(await new Promise((r) => said.on('exit', r)), 0, err);
    assert.equal(out, 'just **this** \uFFFD[31mtext\n');
    assert.equal(err, '');
    const room = (await request(server, 'GET', '/api/rooms')).body.data.find((r) => r.members.some((m) => m.id === who.id));
    assert.ok((await allEvents(server, room.id)).some((e) => e.kind === 'message' && e.data.text === 'hi there'));

    const ask = (args) => new Promise((resolve) => {
        const child = spawn(binary, ['chat', who.slug, '--data', server.data, ...args], { env: { PATH: process.env.PATH } });
        const got = { out: '', err: '' };
        child.stdout.on('data', (chunk) => (got.out += chunk));
        child.stderr.on('data', (chunk) => (got.err += chunk));
        child.on('exit', (code) => resolve({ ...got, code }));
    });
    engine.next({ words: ['json'] });
    const json = await ask(['-m', 'as json', '--json']);
    assert.equal(json.code, 0);
    const events = json.out.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([events[0].kind, events.at(-1).kind], ['message', 'turn.ended']);
    engine.next({ status: 401 });
    const failed = await ask(['-m', 'fail']);
    assert.equal(failed.code, 69);
    assert.equal(failed.out, '');
    assert.match(failed.err, /^eidolon: [A-Z].*\.\n$/);
    engine.next({ words: Array.from({ length: 300 }, (_, i) => `w${i}`), delay: 20 });
    const child = spawn(binary, ['chat', who.slug, '--data', server.data, '-m', 'long'], { env: { PATH: process.env.PATH } });
    await new Promise((r) => child.stdout.once('data', r));
    child.kill('SIGINT');
    assert.equal(await new Promise((r) => child.on('exit', r)), 130);
    const last = (await allEvents(server, room.id)).findLast((e) => e.kind === 'turn.ended');
    assert.equal(last.data.outcome, 'cancelled');
});

test('exit codes and sentences', () => {
    for (const [args, status] of [
        [['persona', 'show', 'nobody'], 66],
        [['persona', 'show'], 64],
        [['persona', 'dance'], 64],
        [['persona'], 64],
        [['room', 'show', 'nowhere'], 66],
        [['chat', 'nobody', '-m', 'x'], 66],
        [['chat', 'mia', '--nonsense'], 64],
        [['persona', 'import', '/nonexistent.png'], 66],
        [['persona', 'list', '--url', 'http://127.0.0.1:1'], 69],
        [['persona', 'delete', 'mia'], 64]
    ]) {
        const got = run(args);
        assert.equal(got.status, status, `${args.join(' ')}: ${got.stderr}`);
        assert.ok(got.stderr.length > 10);
    }
    for (const command of ['chat', 'persona list', 'persona import', 'room export', 'export', 'model pull', 'doctor']) {
        const got = run([...command.split(' '), '--help']);
        assert.equal(got.status, 0);
        assert.match(got.stdout, /Usage: eidolon .*\n[^]*Examples:\n {2}eidolon /);
    }
});

test('another server by --url and --token', async () => {
    const other = await startServer({ args: ['--server.token=sesame'] });
    const list = spawnSync(binary, ['persona', 'list', '--url', other.url, '--json'], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: other.data } });
    assert.equal(list.status, 0, list.stderr);
    assert.ok(JSON.parse(list.stdout).data.some((p) => p.slug === 'mia'));
    await other.stop();
    removeFolder(other.data);
});

test('cards: a folder in, with its refusals; again, and nothing is doubled; out', () => {
    const folder = makeFolder();
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
    for (let i = 0; i < 60; i++)
        writeFileSync(join(folder, i % 2 ? 'deep/er' : 'deep', `card${i}.json`), JSON.stringify({ spec: 'chara_card_v2', spec_version: '2.0', data: { name: `Folder ${i}`, description: `Number ${i}.`, personality: '', scenario: '', first_mes: 'Hi.', mes_example: '' } }));
    writeFileSync(join(folder, 'bad.json'), 'no json');
    writeFileSync(join(folder, 'bad\u001b[31m.png'), 'no picture');
    writeFileSync(join(folder, 'readme.txt'), 'no card');
    const report = join(folder, 'refused');
    const first = run(['persona', 'import', folder, '--report', report, '-j', '8']);
    assert.equal(first.status, 65, first.stderr);
    assert.match(first.stdout, /^62 cards: 60 new, 0 here already, 2 refused\.\n$/);
    assert.ok(!first.stderr.includes('\u001b'));
    assert.equal(readFileSync(report, 'utf8').trim().split('\n').length, 2);
    assert.match(readFileSync(report, 'utf8'), /bad\.json: [A-Z]/);
    const second = run(['persona', 'import', folder]);
    assert.match(second.stdout, /^62 cards: 0 new, 60 here already, 2 refused\.\n$/);
    const out = join(folder, 'out');
    assert.equal(run(['persona', 'export', 'folder-7', 'mia', '-o', `${out}/`]).status, 0);
    assert.deepEqual(readdirSync(out).sort(), ['folder-7.json', 'mia.json']);
    assert.equal(JSON.parse(readFileSync(join(out, 'folder-7.json'), 'utf8')).data.name, 'Folder 7');
    const png = run(['persona', 'export', 'mia', '-o', join(out, 'mia.png')]);
    assert.equal(png.status, 0, png.stderr);
    assert.equal(readFileSync(join(out, 'mia.png')).subarray(1, 4).toString(), 'PNG');
    assert.equal(run(['persona', 'delete', 'folder-7', '--yes']).status, 0);
    assert.equal(run(['persona', 'show', 'folder-7']).status, 66);
    removeFolder(folder);
});

test('rooms: list, show, export; everything into a folder', async () => {
    const made = await request(server, 'POST', '/api/rooms', { title: 'Tea & cake', personas: ['mia'] });
    await request(server, 'POST', `/api/rooms/${made.body.id}/messages`, { text: 'one lump or two' });
    assert.match(run(['room', 'list']).stdout, new RegExp(`^${made.body.id}\\tTea & cake\\tMia\\t`, 'm'));
    assert.match(run(['room', 'show', 'tea']).stdout, /one lump or two/);
    assert.match(run(['room', 'export', 'Tea & cake', '-f', 'text']).stdout, /one lump or two/);
    const folder = makeFolder();
    const all = run(['export', '--all', '-o', folder]);
    assert.equal(all.status, 0, all.stderr);
    assert.ok(readdirSync(join(folder, 'rooms')).some((name) => /^Tea-cake-.*\.md$/.test(name)));
    assert.ok(readdirSync(join(folder, 'personas')).includes('mia.json'));
    assert.ok(!readdirSync(join(folder, 'rooms')).some((name) => name.endsWith('.part')));
    assert.equal(run(['room', 'delete', 'Tea & cake', '-y']).status, 0);
    assert.equal(run(['room', 'show', 'Tea & cake']).status, 66);
    removeFolder(folder);
});

test('tables fit the terminal', async () => {
    const t = new Terminal({ columns: 60, rows: 20 });
    t.start(['persona', 'list', '--data', server.data]);
    assert.equal(await t.ended(), 0);
    const lines = t.screen().split('\n').filter((line) => !/^Pane is dead/.test(line) && line);
    assert.match(lines[0], /^SLUG +NAME +ENGINE +TAGS +ABOUT$/);
    assert.ok(lines.every((line) => [...line].length <= 60), lines.join('\n'));
    assert.ok(lines.some((line) => line.endsWith('…')));
    t.close();
});

test('the doctor looks at socket, libraries and models', () => {
    const { status, stdout } = run(['doctor']);
    assert.equal(status, 0, stdout);
    for (const word of ['socket', 'llama', 'models', 'libraries']) assert.match(stdout, new RegExp(`^\\S+ +${word}`, 'm'), word);
    const json = JSON.parse(run(['doctor', '--json']).stdout);
    assert.ok(json.findings.every((f) => ['well', 'look', 'bad'].includes(f.verdict) && f.what && f.text));
});

test('models: pulled with a bar, listed, removed; a wrong checksum and junk are refused in words', async () => {
    const { startFiles } = await import('../api/lib/file-server.mjs');
    const files = await startFiles();
    const data = makeFolder();
    const model = (...args) =>
        new Promise((resolve) => {
            const child = spawn(binary, ['model', ...args, '--data', data, '--llama.pull_private=on'], { env: { PATH: process.env.PATH } });
            const got = { out: '', err: '' };
            child.stdout.on('data', (chunk) => (got.out += chunk));
            child.stderr.on('data', (chunk) => (got.err += chunk));
            child.on('exit', (code) => resolve({ ...got, code }));
        });
    const pulled = await model('pull', `${files.url}/good/tiny.gguf`, '--sha256', files.sum);
    assert.equal(pulled.code, 0, pulled.err);
    assert.match(pulled.out, /^tiny is here/);
    assert.match((await model('list')).out, /^tiny\t\d+ KB\t/);
    const wrong = await model('pull', `${files.url}/good/wrong.gguf`, '--sha256', files.otherSum);
    assert.equal(wrong.code, 69);
    assert.match(wrong.err, /^eidolon: The model was not fetched: [A-Z].*\.\n$/);
    assert.notEqual((await model('pull', `${files.url}/junk/junk.gguf`)).code, 0);
    assert.equal(JSON.parse((await model('list', '--json')).out).data.length, 1, 'nothing broken in place');
    const t = new Terminal({ columns: 100 });
    t.start(['model', 'pull', `${files.url}/slow/slow.gguf`, '--data', data, '--llama.pull_private=on']);
    await t.until(/(running|queued) \[#*\.+\] +\d+ %/);
    assert.equal(await t.ended(30000), 0);
    assert.match(t.screen(), /slow is here/);
    t.close();
    assert.equal((await model('remove', 'tiny', '-y')).code, 0);
    assert.equal((await model('remove', 'tiny', '-y')).code, 66);
    await files.close?.();
    await files.stop?.();
    removeFolder(data);
});
