// Microphones under load: OPEN are open (50), TALKING speak at once (8), on the real server over its socket.
//   node voice_mics.mjs [OPEN] [TALKING] [ROUNDS]
//
// Measured: CPU of the server and of the voice detector's process for each open microphone (silence streamed at the pace of
// speech, nobody speaks); from the first loud sound of speech to the state "hearing" at the client; from the last sound to the end
// of the turn, and from there to the text, as the server tells both in mic frames.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { listen } from '../api/lib/listener.mjs';
import { openMic, sleep, stream } from '../api/lib/microphone.mjs';
import { joined, quiet, spoken } from '../lib/sound.mjs';

const open = Number(process.argv[2] ?? 50);
const talking = Number(process.argv[3] ?? 8);
const rounds = Number(process.argv[4] ?? 3);
const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const SECONDS = 15;
const LIMITS = { vad: 0.5, onset: 150, text50: 250, text95: 500 };

/** CPU seconds that a process used, threads and all. */
const used = (pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
};
const children = (pid) =>
    readdirSync(`/proc/${pid}/task`)
        .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
        .filter(Boolean);
const named = (pid, name) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(name);
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const row = (name, value, limit) => console.log(`${name.padEnd(64)} ${value.padStart(12)}   ${limit}`);

const server = await startServer();
const mics = [];
for (let i = 0; i < open; i++) {
    const room = (await request(server, 'POST', '/api/rooms', { personas: ['mia'] })).body.id;
    await request(server, 'PATCH', `/api/rooms/${room}`, { voice: 'off' });
    const socket = await listen(server, room, false);
    const mic = await openMic(socket, room);
    if (!i) await mic.silero().catch(() => console.log('silero is not here: these are the figures of the energy gate'));
    mics.push({ socket, mic, room });
}
const detector = children(server.child.pid).find((pid) => named(pid, 'vad'));

// ---- nobody speaks ----
const still = quiet(SECONDS * 1000);
const before = [used(server.child.pid), used(detector)];
await Promise.all(mics.map(async ({ socket }, i) => (await sleep((i * 20) / open), stream(socket, still))));
const after = [used(server.child.pid), used(detector)];
const share = after.map((v, i) => ((v - before[i]) / SECONDS / open) * 100);

// ---- some speak at once ----
const sentence = await spoken(server, 'What is the weather like today?');
const loud = sentence.samples.findIndex((s) => Math.abs(s) > 1000);
const onsets = [];
const ends = [];
const texts = [];
let understood = 0;
const warm = async (list) =>
    Promise.all(
        list.map(async ({ socket, mic }) => {
            const from = socket.frames.length;
            const begin = performance.now();
            const first = begin + 300 + (loud / 16000) * 1000;
            const last = begin + 300 + (sentence.samples.length / 16000) * 1000;
            const done = stream(socket, joined(quiet(300), sentence, quiet(1200)));
            const said = await socket.wait((f) => socket.frames.indexOf(f) >= from && f.type === 'mic.final' && f.reason !== 'empty', 'a text', 60000);
            await done;
            const hearing = socket.frames.slice(from).find((f) => f.type === 'mic' && f.state === 'hearing');
            const over = socket.frames.slice(from).findLast((f) => f.type === 'mic' && f.state === 'transcribing' && f.when <= said.when);
            mic.since();
            return { onset: hearing.when - first, end: over.when - last, text: said.when - over.when, good: /weather.*today/.test(said.text) };
        })
    );
await warm(mics.slice(0, talking)); // the children that hear load their model
for (let i = 0; i < rounds; i++) {
    const others = mics.slice(talking).map(({ socket }) => stream(socket, quiet(3000)));
    for (const r of await warm(mics.slice(0, talking))) {
        onsets.push(r.onset);
        ends.push(r.end);
        texts.push(r.text);
        understood += r.good;
    }
    await Promise.all(others);
}
const alone = [];
for (let i = 0; i < 8; i++) alone.push((await warm(mics.slice(0, 1)))[0].text);

console.log(`${open} microphones open, ${talking} speaking at once, ${texts.length} utterances`);
row('voice detector, % of a core for each open microphone', share[1].toFixed(2), `limit ${LIMITS.vad}`);
row('server (sockets, windows to the detector), % of a core for each', share[0].toFixed(2), '');
row('first sound of speech -> "hearing" at the client, ms, p50', at(onsets, 0.5).toFixed(0), `limit ${LIMITS.onset}`);
row('the same, p95', at(onsets, 0.95).toFixed(0), '');
row('last sound -> end of turn (a complete question), ms, p50', at(ends, 0.5).toFixed(0), '350 of them by choice');
row('end of turn -> text and message, ms, all at once, p50', at(texts, 0.5).toFixed(0), `limit ${LIMITS.text50}`);
row('the same, p95', at(texts, 0.95).toFixed(0), `limit ${LIMITS.text95}`);
row('the same, one alone, p50', at(alone, 0.5).toFixed(0), `limit ${LIMITS.text50}`);
row('understood', `${understood}/${texts.length}`, '');

for (const { socket } of mics) socket.ws.terminate();
await server.stop();
removeFolder(server.data);
