// How long from starting the server to its first 200, and what it takes at rest, with 10,000 personas and 100,000
// messages stored, after a clean stop. Prints medians.   node start.mjs [RUNS]
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const runs = Number(process.argv[2] ?? 7);
const binary = process.env.EIDOLON_BINARY ?? 'build/eidolon';
const filler = process.env.BENCH_TURNS ?? 'build/release/bench/bench_turns';
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

const freePort = () =>
    new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });

// One attempt to get a 200; resolves false when nobody listens yet.
const attempt = (port) =>
    new Promise((resolve) => {
        let answer = '';
        const socket = createConnection(port, '127.0.0.1', () =>
            socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        );
        socket.on('data', (data) => {
            answer += data;
            if (answer.includes('\r\n')) {
                resolve(answer.startsWith('HTTP/1.1 200'));
                socket.destroy();
            }
        });
        socket.on('error', () => resolve(false));
    });

function residentKb(pid) {
    return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
}

async function once(data) {
    const port = await freePort();
    const from = process.hrtime.bigint();
    const child = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (!(await attempt(port))) await new Promise((r) => setTimeout(r, 1));
    const ms = Number(process.hrtime.bigint() - from) / 1e6;
    await new Promise((r) => setTimeout(r, 1500));
    const kb = residentKb(child.pid);
    child.kill('SIGTERM');
    await ended;
    return { ms, kb };
}

const data = mkdtempSync(join(tmpdir(), 'eidolon-bench-'));
try {
    execFileSync(filler, ['fill', data, '10000', '100000'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await once(data); // indexes what is left, stops cleanly
    const results = [];
    for (let i = 0; i < runs; i++) results.push(await once(data));
    // The limit beside it: the same runtime measuring a process that does nothing but exist.
    const floor = [];
    for (let i = 0; i < runs; i++) {
        const from = process.hrtime.bigint();
        await new Promise((resolve) => spawn('/bin/true').once('exit', resolve));
        floor.push(Number(process.hrtime.bigint() - from) / 1e6);
    }
    console.log(
        `start_to_first_200 personas=10000 messages=100000 runs=${runs} median_ms=${median(results.map((r) => r.ms)).toFixed(1)}` +
            ` spawn_of_true_ms=${median(floor).toFixed(1)} goal_ms=30`
    );
    console.log(`resident_idle median_mb=${(median(results.map((r) => r.kb)) / 1024).toFixed(1)} goal_mb=25`);
} finally {
    rmSync(data, { recursive: true, force: true });
}
