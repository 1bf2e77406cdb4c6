// A real server for tests: starts build/eidolon on a free port with a data folder of its own, waits until it is ready,
// and stops or kills it. EIDOLON_BINARY names another executable (a sanitized one).
import { File } from 'node:buffer';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const binary = process.env.EIDOLON_BINARY ?? join(root, 'build', 'eidolon');

// openai's client wants it; node 18 has it, but not there.
globalThis.File ??= File;

// A file that is ended before its time (tests/run.mjs) leaves no server behind.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.once('SIGTERM', () => process.exit(1));

export function makeFolder() {
    return mkdtempSync(join(tmpdir(), 'eidolon-test-'));
}

export function removeFolder(folder) {
    rmSync(folder, { recursive: true, force: true });
}

/** Starts a server; resolves when it answers. `args` are further flags, `listen` defaults to a free port; `wrap` is a command
 *  that ends in becoming the server. */
export async function startServer({ data = makeFolder(), args = [], listen = '127.0.0.1:0', env = {}, program = binary, wrap = [] } = {}) {
    const [first, ...before] = [...wrap, program];
    const child = spawn(first, [...before, 'serve', '--data', data, '--listen', listen, ...args], {
        env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe']
    });
    const server = { child, data, log: '', exited: false };
    running.add(child);
    const ended = new Promise((resolve) =>
        child.once('exit', (code, signal) => {
            server.exited = true;
            running.delete(child);
            resolve({ code, signal });
        })
    );
    server.url = await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`the server said no address within 20 s:\n${server.log}`)), 20000);
        const read = (chunk) => {
            server.log += chunk;
            const address = server.log.match(/https?:\/\/[^\s/]+:\d+/);
            if (address) {
                clearTimeout(late);
                resolve(address[0]);
            }
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
        ended.then(({ code, signal }) => {
            clearTimeout(late);
            reject(new Error(`the server ended with ${code ?? signal}:\n${server.log}`));
        });
    });
    server.ended = ended;
    server.stop = async () => {
        if (!server.exited) child.kill('SIGTERM');
        return ended;
    };
    server.kill = async () => {
        if (!server.exited) child.kill('SIGKILL');
        return ended;
    };
    for (let tries = 0; tries < 400; tries++) {
        const ready = await fetch(`${server.url}/readyz`).catch(() => null);
        if (ready?.ok) return server;
        await new Promise((r) => setTimeout(r, 25));
    }
    await server.kill();
    throw new Error(`the server was not ready within 10 s:\n${server.log}`);
}

/** A JSON request; resolves to {status, headers, body}. */
export async function request(server, method, path, body, headers = {}) {
    const response = await fetch(server.url + path, {
        method,
        headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') && text ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body: json };
}

/** Every event of a room, page by page. */
export async function allEvents(server, room) {
    const events = [];
    for (let after = 0; ; ) {
        const page = await request(server, 'GET', `/api/rooms/${room}/events?limit=200&after=${after}`);
        if (page.status !== 200) throw new Error(`events: ${page.status} ${JSON.stringify(page.body)}`);
        events.push(...page.body.data);
        if (!page.body.data.length || !page.body.next) return events;
        after = page.body.data.at(-1).seq;
    }
}
