// Shell completion by a real bash, the man pages by man, and what `make install` installs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { binary, removeFolder, request, startServer } from '../lib/server.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'eidolon-completion-'));
let server;
before(async () => {
    server = await startServer();
    await request(server, 'POST', '/api/rooms', { title: 'Tea for two', personas: ['mia'] });
    writeFileSync(join(folder, 'eidolon.bash'), spawnSync(binary, ['print', 'completion-bash'], { encoding: 'utf8' }).stdout);
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
    rmSync(folder, { recursive: true });
});

/** What bash offers after these words; the last one is being typed. */
function complete(...words) {
    const script = `source ${folder}/eidolon.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_eidolon
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const got = spawnSync('bash', ['--norc', '-c', script, 'bash', binary, ...words], { encoding: 'utf8', cwd: folder, env: { PATH: process.env.PATH } });
    assert.equal(got.stderr, '', got.stderr);
    return got.stdout.split('\n').filter(Boolean);
}

test('bash completes commands, options, personas, rooms and files', () => {
    assert.deepEqual(complete('ch'), ['chat']);
    assert.ok(complete('').includes('persona'));
    assert.deepEqual(complete('persona', 'im'), ['import']);
    assert.ok(complete('chat', '--').includes('--room'));
    const data = ['--data', server.data];
    assert.deepEqual(complete('chat', ...data, 'mi'), ['mia']);
    assert.deepEqual(complete('persona', 'show', ...data, 'sol'), ['solene']);
    assert.deepEqual(complete('room', 'show', ...data, 'Tea'), ['Tea\\ for\\ two']);
    assert.deepEqual(complete('chat', ...data, '--room', 'T'), ['Tea\\ for\\ two']);
    assert.deepEqual(complete('persona', 'import', 'eid'), ['eidolon.bash']);
    assert.deepEqual(complete('chat', '--url', 'x'), []);
});

test('scripts of the other shells are printed, and are sound where the shell is here', () => {
    for (const shell of ['zsh', 'fish']) {
        const text = spawnSync(binary, ['print', `completion-${shell}`], { encoding: 'utf8' }).stdout;
        assert.match(text, /persona/);
        writeFileSync(join(folder, shell), text);
        if (spawnSync('which', [shell]).status === 0) assert.equal(spawnSync(shell, ['-n', join(folder, shell)], { encoding: 'utf8' }).stderr, '');
    }
});

test('man reads every page without a warning', () => {
    const pages = spawnSync(binary, ['print', 'man-list'], { encoding: 'utf8' }).stdout.trim().split('\n');
    assert.ok(pages.includes('eidolon') && pages.includes('eidolon-chat') && pages.includes('eidolon-persona'));
    for (const page of pages) {
        const file = join(folder, `${page}.1`);
        writeFileSync(file, spawnSync(binary, ['print', `man-${page}`], { encoding: 'utf8' }).stdout);
        const man = spawnSync('man', ['--warnings', '-l', '-Tutf8', '-P', 'cat', file], { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '80' } });
        if (man.error) return;
        assert.equal(man.stderr, '', page);
        const text = man.stdout.replace(/.\u0008/g, '');
        assert.match(text, /^NAME$/m);
        assert.match(text, new RegExp(`${page} - `));
    }
});

test('make install puts everything where it belongs', () => {
    const to = join(folder, 'root');
    const got = spawnSync(join(root, 'tools', 'install-files'), [to, '/usr', binary], { encoding: 'utf8', cwd: root });
    assert.equal(got.status, 0, got.stderr);
    assert.equal(spawnSync(join(to, 'usr/bin/eidolon'), ['version'], { encoding: 'utf8' }).status, 0);
    assert.ok(readdirSync(join(to, 'usr/share/man/man1')).includes('eidolon-chat.1'));
    assert.match(readFileSync(join(to, 'usr/lib/systemd/system/eidolon.service'), 'utf8'), /ExecStart=\/usr\/bin\/eidolon/);
    assert.ok(existsSync(join(to, 'usr/share/bash-completion/completions/eidolon')));
});
