// Lists of many personas over HTTP: fills a store with 20,000 (or COUNT), then measures pages, searches, tags and orders,
// first pages and deep ones, each beside its limit; and how long the server takes to start with them.
//   node personas.mjs [COUNT] [ROUNDS]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = Number(process.argv[2] ?? 20000);
const rounds = Number(process.argv[3] ?? 200);
const binary = process.env.EIDOLON_BINARY ?? 'build/eidolon';
const LIMIT_MS = 10;

// The same personas on every run.
let seed = 12345;
const random = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
const SYLLABLES = 'ka ri mo el tan sa vi no lu de ra mi so fe an be ti go ha ne'.split(' ');
const word = () => Array.from({ length: 2 + random(3) }, () => SYLLABLES[random(SYLLABLES.length)]).join('');
const WORDS = Array.from({ length: 8000 }, word);
const TAGS = Array.from({ length: 600 }, (_, i) => WORDS[i]);
// Common words are common, as in real texts.
const text = (n) => Array.from({ length: n }, () => WORDS[Math.floor((random(10000) / 10000) ** 3 * WORDS.length)]).join(' ');
const persona = (i) => ({
    name: `${text(1)} ${text(1)} ${i}`,
    description: text(60 + random(240)),
    personality: text(40),
    greeting: text(30),
    tags: Array.from({ length: 2 + random(6) }, () => TAGS[Math.floor((random(1000) / 1000) ** 2 * TAGS.length)])
});

const freePort = () =>
    new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });

const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const call = (port, method, path, body) =>
    new Promise((resolve, reject) => {
        const payload = body === undefined ? null : JSON.stringify(body);
        const headers = payload ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) } : {};
        const req = httpRequest({ host: '127.0.0.1', port, method, path, agent, headers }, (res) => {
            const parts = [];
            res.on('data', (part) => parts.push(part));
            res.on('end', () => {
                const answer = Buffer.concat(parts);
                if (res.statusCode >= 300) reject(new Error(`${method} ${path}: ${res.statusCode} ${answer}`));
                else resolve(answer);
            });
        });
        req.on('error', reject);
        req.end(payload ?? undefined);
    });

async function start(data) {
    const port = await freePort();
    const from = performance.now();
    const child = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (;;) {
        try {
            await call(port, 'GET', '/healthz');
            break;
        } catch {
            await new Promise((r) => setTimeout(r, 2));
        }
    }
    const ms = performance.now() - from;
    return { port, ms, stop: () => new Promise((r) => (child.once('exit', r), child.kill('SIGTERM'))) };
}

const at = (list, share) => list[Math.min(list.length - 1, Math.floor(list.length * share))];
let failed = false;

async function measure(port, name, path) {
    const times = [];
    let answer;
    for (let i = 0; i < rounds + 20; i++) {
        const from = performance.now();
        answer = await call(port, 'GET', typeof path === 'function' ? path(i) : path);
        if (i >= 20) times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    const { total, data } = JSON.parse(answer);
    const p99 = at(times, 0.99);
    if (p99 > LIMIT_MS) failed = true;
    console.log(
        `${name.padEnd(44)} p50 ${at(times, 0.5).toFixed(2).padStart(6)} ms  p99 ${p99.toFixed(2).padStart(6)} ms  limit ${LIMIT_MS} ms` +
            `  ${p99 > LIMIT_MS ? 'MISSED' : 'ok'}  (${total === undefined ? data.length + ' rows' : total + ' found'})`
    );
}

// The cursor after about `share` of all pages, by the largest steps.
async function deep(port, query, share) {
    let after = '';
    for (let seen = 0; seen < count * share; seen += 200) {
        const page = JSON.parse(await call(port, 'GET', `/api/personas?fields=summary&limit=200&${query}${after}`));
        if (!page.next) break;
        after = `&after=${encodeURIComponent(page.next)}`;
    }
    return after;
}

const data = mkdtempSync(join(tmpdir(), 'eidolon-personas-'));
try {
    let server = await start(data);
    const from = performance.now();
    let next = 0;
    await Promise.all(
        Array.from({ length: 32 }, async () => {
            while (next < count) {
                const i = next++;
                const made = JSON.parse(await call(server.port, 'POST', '/api/personas', persona(i)));
                if (i % 100 === 0) await call(server.port, 'PATCH', `/api/personas/${made.id}`, { favourite: true });
            }
        })
    );
    const seconds = (performance.now() - from) / 1000;
    const size = statSync(join(data, 'store.db')).size;
    console.log(`${count} personas made over HTTP in ${seconds.toFixed(1)} s; the store has ${(size / 2 ** 20).toFixed(0)} MiB`);
    await server.stop();
    server = await start(data);
    console.log(`started with them in ${server.ms.toFixed(0)} ms`);
    const list = '/api/personas?fields=summary&total=true';
    const broad = WORDS[0].slice(0, 1);
    const common = WORDS[0];
    const { port } = server;
    await measure(port, 'first page, by name', list);
    await measure(port, 'first page, newest change first', `${list}&sort=-updated`);
    await measure(port, 'first page, 200 rows', `${list}&limit=200`);
    await measure(port, 'deep page (90 %), by name', list + (await deep(port, 'sort=name', 0.9)));
    await measure(port, 'deep page (90 %), newest first', `${list}&sort=-created` + (await deep(port, 'sort=-created', 0.9)));
    await measure(port, 'search: one letter', `${list}&find=${broad}`);
    await measure(port, 'search: a common word', `${list}&find=${common}`);
    await measure(port, 'search: a rare name', (i) => `${list}&find=${(i * 97) % count}`);
    await measure(port, 'search: three words', `${list}&find=${WORDS[0]}+${WORDS[40]}+${WORDS[90]}`);
    await measure(port, 'search: beginnings, as typed', (i) => `${list}&find=${WORDS[i * 7].slice(0, 1 + (i % 4))}`);
    await measure(port, 'search: one letter, deep, by change', `${list}&find=${broad}&sort=-updated` + (await deep(port, `find=${broad}&sort=-updated`, 0.8)));
    await measure(port, 'one common tag', `${list}&tag=${TAGS[0]}`);
    await measure(port, 'two tags and a word', `${list}&tag=${TAGS[0]}&tag=${TAGS[1]}&find=${common}`);
    await measure(port, 'favourites', `${list}&favourite=true`);
    await measure(port, 'all tags', '/api/personas/tags');
    await measure(port, 'whole personas, 50', '/api/personas?total=true');
    await server.stop();
} finally {
    rmSync(data, { recursive: true, force: true });
    agent.destroy();
}
process.exit(failed ? 1 : 0);
