// The program: its commands, its exit codes, one server a data folder, backup and restore, signals.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { allEvents, binary, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { openRoom, say, settled } from './lib/talk.mjs';

const run = (args, env = {}) => spawnSync(binary, args, { encoding: 'utf8', timeout: 20000, env: { PATH: process.env.PATH, NO_COLOR: '1', ...env } });

test('help, version, and what is not understood', () => {
    for (const args of [['--help'], ['serve', '--help'], ['backup', '--help'], ['restore', '--help'], ['doctor', '--help']]) {
        const { status, stdout } = run(args);
        assert.equal(status, 0, args.join(' '));
        assert.ok(stdout.length > 50);
        assert.ok(!stdout.includes('\u001b'));
    }
    const version = run(['version']);
    assert.equal(version.status, 0);
    assert.match(version.stdout, /^eidolon \d+\.\d+/);
    for (const [args, status] of [
        [[], 64],
        [['dance'], 64],
        [['serve', '--nonsense'], 64],
        [['serve', '--server.nonsense=1'], 78],
        [['serve', '--server.loops=many'], 78],
        [['backup'], 64]
    ]) {
        const got = run(args);
        assert.equal(got.status, status, `${args.join(' ')}: ${got.stderr}`);
        assert.ok(got.stderr.length > 10);
    }
});

test('a data folder takes one server, and is nobody else\'s to read', async () => {
    const server = await startServer();
    assert.equal(statSync(server.data).mode & 0o077, 0);
    const second = run(['serve', '--data', server.data, '--listen', '127.0.0.1:0']);
    assert.notEqual(second.status, 0);
    assert.match(second.stderr, /[.!]\n$/);
    const taken = makeFolder();
    const port = new URL(server.url).port;
    const third = run(['serve', '--data', taken, '--listen', `127.0.0.1:${port}`]);
    assert.notEqual(third.status, 0);
    assert.match(third.stderr, new RegExp(port));
    assert.equal((await server.stop()).code, 0);
    removeFolder(taken);
    removeFolder(server.data);
});

test('a backup of a running server is restored', async () => {
    const server = await startServer();
    const room = await openRoom(server);
    await say(server, room, 'keep this');
    const kept = await settled(server, room);
    const folder = mkdtempSync(join(tmpdir(), 'eidolon-backup-'));
    const file = join(folder, 'copy.db');
    const backup = run(['backup', file, '--data', server.data]);
    assert.equal(backup.status, 0, backup.stderr);
    await say(server, room, 'this comes later');
    await settled(server, room);
    const busy = run(['restore', file, '--data', server.data]);
    assert.notEqual(busy.status, 0, 'not under a running server');
    await server.stop();
    const restore = run(['restore', file, '--data', server.data]);
    assert.equal(restore.status, 0, restore.stderr);
    const again = await startServer({ data: server.data });
    assert.deepEqual(await allEvents(again, room), kept);
    await again.stop();
    rmSync(folder, { recursive: true });
    removeFolder(server.data);
});

test('the doctor says what is what', async () => {
    const data = makeFolder();
    const { status, stdout } = run(['doctor', '--data', data]);
    assert.equal(status, 0, stdout);
    for (const word of ['data', 'SQLite', 'OpenSSL']) assert.ok(stdout.includes(word), word);
    assert.ok(!stdout.includes('\u001b'));
    removeFolder(data);
});

test('a server that is told to stop ends its turns first and exits with 0', async () => {
    const server = await startServer();
    const room = await openRoom(server);
    await say(server, room, 'one more thing');
    const { code } = await server.stop();
    assert.equal(code, 0);
    const again = await startServer({ data: server.data });
    const ended = (await allEvents(again, room)).filter((e) => e.kind === 'turn.ended');
    assert.equal(ended.length, 1);
    assert.equal(ended[0].data.outcome, 'done');
    assert.equal((await request(again, 'GET', '/readyz')).status, 200);
    await again.stop();
    removeFolder(server.data);
});
