// The llama child beside llama-server: same release, same prebuilt libraries, same model, threads and sampling, runs
// taken in turn. `node tests/bench/llama.mjs CHILD SERVER MAKE_GGUF`, see mk/llama.mk.
//
//   tokens/s         all rooms together, from asking to the last answer's end; median of the runs
//   first token      of a first turn with a prompt of about 1,000 tokens, and of the turn after it
//   memory           resident, at the end
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net from 'node:net';
import { Child } from '../llama/child.mjs';

const [program, server, maker] = process.argv.slice(2);
const RUNS = Number(process.env.RUNS ?? 7);
const THREADS = 1;
const CONTEXT = 16384;
const SAMPLING = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };
const ONLY = process.env.ONLY;
const MODELS = [
    { kind: 'endless', name: 'tiny (2 layers)', tokens: 512 },
    { kind: 'shape', name: '135M shape, q8_0', tokens: 96 },
];

const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1];
const memory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
/** Processor time of a process so far, in ms: what other programs on the machine do does not count. */
const processor = (pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
};
const words = (n, salt) => Array.from({ length: n }, (_, i) => `w${(i * 7919 + salt * 104729) % 997}`).join(' ');

function freePort() {
    return new Promise((done) => {
        const probe = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = probe.address();
            probe.close(() => done(port));
        });
    });
}

class Server {
    async start(model) {
        this.port = await freePort();
        this.process = spawn(server, ['-m', model, '--host', '127.0.0.1', '--port', this.port, '-t', THREADS, '-tb', THREADS, '-np', 4, '-c', CONTEXT, '--no-warmup'].map(String), { stdio: 'ignore' });
        process.on('exit', () => this.process.kill('SIGKILL')); // also when this bench fails
        for (let i = 0; i < 300; i++) {
            const up = await new Promise((done) => http.get({ port: this.port, path: '/health' }, (r) => (r.resume(), done(r.statusCode === 200))).on('error', () => done(false)));
            if (up) return;
            await new Promise((done) => setTimeout(done, 100));
        }
        throw new Error('llama-server did not start');
    }
    generate(messages, key, sampling) {
        const asked = performance.now();
        const result = { text: '' };
        return new Promise((done, no) => {
            const body = JSON.stringify({ messages, stream: true, stream_options: { include_usage: true }, ...sampling });
            const request = http.request({ port: this.port, method: 'POST', path: '/v1/chat/completions', agent: false, headers: { 'content-type': 'application/json' } }, (response) => {
                let rest = '';
                response.setEncoding('utf8');
                response.on('data', (data) => {
                    const lines = (rest + data).split('\n');
                    rest = lines.pop();
                    for (const line of lines) {
                        if (!line.startsWith('data: {')) continue;
                        const chunk = JSON.parse(line.slice(6));
                        const text = chunk.choices?.[0]?.delta?.content;
                        if (text) {
                            result.first ??= performance.now() - asked;
                            result.text += text;
                        }
                        if (chunk.usage) result.usage = { completion: chunk.usage.completion_tokens, prompt: chunk.usage.prompt_tokens };
                    }
                });
                response.on('end', () => done(result));
            });
            request.on('error', no).end(body);
        });
    }
    pid() {
        return this.process.pid;
    }
    async stop() {
        this.process.kill();
        await new Promise((done) => this.process.on('exit', done));
    }
}

class Ours {
    async start(model) {
        this.child = new Child({ program });
        const hello = await this.child.next('hello', 'failed');
        const loaded = await this.child.load(model, { threads: THREADS, context: CONTEXT, sequences: 8 });
        if (hello.ev === 'failed' || loaded.ev === 'failed') throw new Error(hello.sentence ?? loaded.sentence);
    }
    generate(messages, key, sampling) {
        return this.child.generate({ messages, key, sampling });
    }
    pid() {
        return this.child.process.pid;
    }
    stop() {
        return this.child.end();
    }
}

let salt = 1;
async function throughput(peer, rooms, tokens) {
    const began = performance.now();
    const spent = processor(peer.pid());
    const answers = await Promise.all(
        Array.from({ length: rooms }, (_, room) => {
            const messages = [{ role: 'system', content: 'You are Mia.' }, { role: 'user', content: words(40, salt++) }];
            return peer.generate(messages, `room ${room}`, { ...SAMPLING, seed: room + 1, max_tokens: tokens });
        }),
    );
    const said = answers.reduce((sum, a) => sum + a.usage.completion, 0);
    return { rate: (said * 1000) / (performance.now() - began), cost: (processor(peer.pid()) - spent) / said };
}

async function turns(peer) {
    const messages = [{ role: 'system', content: words(220, salt++) }, { role: 'user', content: 'Tell me about it.' }];
    const sampling = { ...SAMPLING, seed: 5, max_tokens: 16 };
    const first = await peer.generate(messages, 'turns', sampling);
    messages.push({ role: 'assistant', content: first.text }, { role: 'user', content: 'And then?' });
    const second = await peer.generate(messages, 'turns', sampling);
    return { first: first.first, second: second.first, prompt: first.usage.prompt };
}

const folder = mkdtempSync(join(tmpdir(), 'eidolon-llama-'));
let worst = Infinity;
let slowest = 0;
try {
    for (const { kind, name, tokens } of MODELS.filter((m) => !ONLY || m.kind === ONLY)) {
        const model = join(folder, `${kind}.gguf`);
        execFileSync(maker, [kind, model]);
        const peers = { ours: new Ours(), theirs: new Server() };
        for (const peer of Object.values(peers)) await peer.start(model);
        for (const peer of Object.values(peers)) await throughput(peer, 4, 32);
        for (const rooms of [1, 4]) {
            const rates = { ours: [], theirs: [] };
            for (let i = 0; i < RUNS; i++) for (const who of i % 2 ? ['ours', 'theirs'] : ['theirs', 'ours']) rates[who].push(await throughput(peers[who], rooms, tokens));
            const [ours, theirs] = ['ours', 'theirs'].map((who) => median(rates[who].map((r) => r.rate)));
            const [cost, cost_theirs] = ['ours', 'theirs'].map((who) => median(rates[who].map((r) => r.cost)));
            worst = Math.min(worst, ours / theirs);
            console.log(`llama  ${name}, ${rooms} room${rooms > 1 ? 's' : ''}: ${ours.toFixed(0)} tokens/s, llama-server ${theirs.toFixed(0)}: ${(ours / theirs).toFixed(2)} of it; processor ${cost.toFixed(2)} ms a token, llama-server ${cost_theirs.toFixed(2)}`);
        }
        const seen = { ours: [], theirs: [] };
        for (let i = 0; i < RUNS; i++) for (const who of ['ours', 'theirs']) seen[who].push(await turns(peers[who]));
        const part = (who, what) => median(seen[who].map((t) => t[what]));
        const ratio = median(seen.ours.map((t) => t.second / t.first));
        slowest = Math.max(slowest, ratio);
        console.log(`llama  ${name}, first token of a turn after ${seen.ours[0].prompt} tokens: ${part('ours', 'first').toFixed(1)} ms, of the next turn ${part('ours', 'second').toFixed(1)} ms: ${ratio.toFixed(2)} of it (llama-server ${part('theirs', 'first').toFixed(1)} and ${part('theirs', 'second').toFixed(1)})`);
        console.log(`llama  ${name}, memory: ${memory(peers.ours.pid()).toFixed(0)} MB, llama-server ${memory(peers.theirs.pid()).toFixed(0)} MB`);
        for (const peer of Object.values(peers)) await peer.stop();
    }
} finally {
    rmSync(folder, { recursive: true, force: true });
}
const kept = worst >= 0.95 && slowest <= 0.2;
console.log(`llama  ${kept ? 'ok' : 'MISSED'}: at least 0.95 of llama-server's tokens/s (${worst.toFixed(2)}), a second turn's first token within 0.2 of the first's (${slowest.toFixed(2)})`);
process.exitCode = kept ? 0 : 1;
