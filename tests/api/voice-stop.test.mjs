// A server that ends in the middle of everything (told to, or killed): it is gone within seconds, and so are its children; what
// it had acknowledged is there afterwards, what was half done is not, and all of it works again. Also: a full disk.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { png, tone, wav } from '../lib/mediafiles.mjs';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { spoken } from '../lib/sound.mjs';
import { addTold, listen, startTeller } from './lib/listener.mjs';
import { openMic, sleep, stream } from './lib/microphone.mjs';
import { openRoom, say } from './lib/talk.mjs';

const LONG = Array.from({ length: 12 }, (_, i) => `Sentence number ${i + 1} goes on for quite a while so that it is still being heard.`).join(' ');
const GRACE_MS = 2000; // server.shutdown_timeout: a turn that does not end is given this, and all else shares it
const EXIT_MS = GRACE_MS + 4000;
let teller;
let deaf; // takes what is to be cloned, and never answers
before(async () => {
    teller = await startTeller();
    deaf = http.createServer(() => {});
    await new Promise((resolve) => deaf.listen(0, '127.0.0.1', resolve));
});
after(async () => {
    await teller.close();
    deaf.closeAllConnections();
    deaf.close();
});

const upload = (server, bytes, query = '') => fetch(`${server.url}/api/media${query}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: bytes });
const childrenOf = (pid) => readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean));
const running = (pid) => existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** Everything at once, in its middle. */
async function busyServer() {
    const server = await startServer({ args: [`--server.shutdown_timeout=${GRACE_MS}ms`] });
    try {
        return await occupy(server);
    } catch (error) {
        await server.kill();
        throw error;
    }
}

async function occupy(server) {
    await addTold(server, teller);
    await request(server, 'POST', '/api/speech/providers', { name: 'deaf', type: 'elevenlabs', api_key: 'k', base_url: `http://127.0.0.1:${deaf.address().port}` });
    const quiet = (promise) => promise.then((r) => r?.status, () => 'broken');
    // Speech: one turn whose text has ended and that is still heard, one whose text still comes.
    const ended = await openRoom(server, ['told']);
    const open = await openRoom(server, ['told']);
    const ears = [await listen(server, ended), await listen(server, open, 'opus')];
    teller.forget();
    await say(server, ended, 'Tell me a long one.');
    const first = await teller.next();
    first.say(LONG);
    first.end();
    await say(server, open, 'Tell me one that does not end.');
    (await teller.next()).say(`${LONG} And then`);
    for (const ear of ears) await ear.wait((f) => f.type === 'sound');
    // A microphone in mid-word.
    const room = await openRoom(server, ['told']);
    const ear = await listen(server, room, false);
    await openMic(ear, room);
    await stream(ear, await spoken(server, 'This sentence will never be ended because'), 4);
    // An upload that was acknowledged, one that is being transcribed, and one whose bytes still come.
    const picture = await (await upload(server, png(80, 60), '?name=kept.png')).json();
    const talk = await (await upload(server, wav(tone(8)), '?name=talk.wav')).json();
    assert.equal((await request(server, 'POST', `/api/media/${talk.id}/transcribe`)).status, 202);
    let feed;
    const half = new ReadableStream({ start: (controller) => (feed = controller) });
    const broken = quiet(fetch(`${server.url}/api/media`, { method: 'POST', body: half, duplex: 'half' }));
    feed.enqueue(wav(tone(20)));
    // A voice that is being cloned.
    const form = new FormData();
    for (const [name, value] of Object.entries({ provider: 'deaf', name: 'Ann', consent: 'Ann agreed on 2026-11-21, by letter.' })) form.set(name, value);
    form.set('file', new Blob([wav(tone(3))]), 'ann.wav');
    const cloning = quiet(fetch(`${server.url}/api/voices/clone`, { method: 'POST', body: form }));
    await sleep(200);
    const said = await say(server, room, 'And this was acknowledged last.');
    return { server, ended, open, room, picture, talk, said, ears: [...ears, ear], hanging: [broken, cloning], children: childrenOf(server.child.pid) };
}

for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`${signal} in mid-speech, mid-listening, mid-upload, mid-transcription and mid-clone loses nothing that was acknowledged`, async () => {
        const b = await busyServer();
        assert.ok(b.children.length > 0, 'it has children');
        const begun = Date.now();
        b.server.child.kill(signal);
        const { code, signal: by } = await b.server.ended;
        const took = Date.now() - begun;
        assert.ok(took < EXIT_MS, `it took ${took} ms`);
        assert.deepEqual([code, by], signal === 'SIGTERM' ? [0, null] : [null, 'SIGKILL']);
        assert.doesNotMatch(b.server.log, /Sanitizer|runtime error/);
        await Promise.all(b.hanging);
        for (const ear of b.ears) ear.ws.terminate();
        for (let i = 0; i < 60 && b.children.some(running); i++) await sleep(50);
        assert.deepEqual(b.children.filter(running), [], 'its children are gone, too');

        const again = await startServer({ data: b.server.data, args: [`--server.shutdown_timeout=${GRACE_MS}ms`] });
        try {
            await request(again, 'PUT', '/api/providers/told', { base_url: teller.url });
            const events = await allEvents(again, b.room);
            assert.ok(events.some((e) => e.kind === 'message' && e.data.text === b.said.text && e.seq === b.said.seq), 'the last message');
            for (const room of [b.ended, b.open, b.room]) {
                const all = await allEvents(again, room);
                assert.deepEqual(all.map((e) => e.seq), all.map((_, i) => i + 1), 'numbers without holes');
                const begunTurns = all.filter((e) => e.kind === 'turn.started').map((e) => e.turn);
                assert.deepEqual(all.filter((e) => e.kind === 'turn.ended').map((e) => e.turn).sort(), begunTurns.sort(), 'every turn is over');
                for (const speech of all.filter((e) => e.kind === 'speech')) {
                    const sound = await fetch(`${again.url}/api/media/${speech.data.media}`);
                    assert.equal(sound.status, 200, 'what an event names is there');
                    assert.equal((await sound.arrayBuffer()).byteLength, Number(sound.headers.get('content-length')));
                }
            }
            const story = (await allEvents(again, b.ended)).find((e) => e.kind === 'message' && e.author.type === 'persona');
            assert.equal(story?.data.text, LONG, 'a text that had ended is there, heard or not');
            const kept = await fetch(again.url + b.picture.url);
            assert.deepEqual(Buffer.from(await kept.arrayBuffer()), png(80, 60));
            assert.deepEqual(readdirSync(join(again.data, 'incoming')), [], 'half an upload is swept away');
            assert.equal((await request(again, 'GET', '/api/media/usage')).body.count, 2);
            // The transcription is gone, or done; never one that runs for ever. It can be asked for anew.
            const job = await request(again, 'GET', `/api/media/${b.talk.id}/transcribe`);
            assert.ok(job.status === 404 || job.body.state !== 'running', JSON.stringify(job.body));
            assert.equal((await request(again, 'POST', `/api/media/${b.talk.id}/transcribe`)).status, 202);
            const voices = (await request(again, 'GET', '/api/voices')).body.data;
            assert.ok(!voices.some((v) => v.about === 'Ann' || v.cloned), 'no half voice');
            // And everything works again.
            const ear = await listen(again, b.ended);
            teller.forget();
            await say(again, b.ended, 'Once more.');
            const answer = await teller.next();
            answer.say('Here I am.');
            answer.end();
            await ear.told('speech.ended', (e) => e.data.index === null && e.data.reason === 'done');
            await ear.close();
        } finally {
            assert.equal((await again.stop()).code, 0, again.log);
            removeFolder(again.data);
        }
    });
}

const own = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
test('a full disk is said, takes nothing down, and is over when there is room again', { skip: own ? false : 'a disk of its own cannot be mounted here' }, async () => {
    const data = makeFolder();
    // In a mount namespace of its own: the disk goes with the server.
    const server = await startServer({ data, wrap: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=160m none "$0" && exec "$@"', data] });
    const inside = `/proc/${server.child.pid}/root${data}`;
    const sound = wav(tone(20));
    try {
        await addTold(server, teller);
        const room = await openRoom(server, ['told']);
        const ear = await listen(server, room);
        assert.equal((await upload(server, sound)).status, 201);
        // Nearly full: the store refuses before anything fails. (Once a write failed, it stays read-only until a restart.)
        const { bavail, bsize } = statfsSync(inside);
        writeFileSync(`${inside}/ballast`, Buffer.alloc(Number(bavail) * Number(bsize) - (8 << 20)));
        await sleep(1500); // it looks every second
        const refused = await upload(server, sound);
        assert.ok(refused.status >= 500, `${refused.status}`);
        assert.match((await refused.json()).error.message, /space/);
        const message = await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'Is there room for this?' });
        assert.ok(message.status >= 500, JSON.stringify(message.body));
        assert.match(message.body.error.message, /full|space/);
        const speech = await request(server, 'POST', '/api/tts', { text: 'Speech needs no disk.', voice: 'flite/slt' });
        assert.equal(speech.status, 200);
        assert.deepEqual(readdirSync(`${inside}/incoming`), []);
        rmSync(`${inside}/ballast`);
        for (let i = 0; ; i++) {
            const said = await request(server, 'POST', `/api/rooms/${room}/messages`, { text: 'And now?' });
            if (said.status === 201) break;
            assert.ok(i < 100, JSON.stringify(said.body));
            await sleep(100);
        }
        const answer = await teller.next();
        answer.say('There is room.');
        answer.end();
        await ear.told('speech.ended', (e) => e.data.index === null && e.data.reason === 'done');
        assert.equal((await upload(server, sound)).status, 201);
        const messages = (await allEvents(server, room)).filter((e) => e.kind === 'message' && e.author.type === 'user');
        assert.deepEqual(messages.map((e) => e.data.text), ['And now?'], 'what was refused is not there');
        await ear.close();
    } finally {
        assert.equal((await server.stop()).code, 0, server.log);
        removeFolder(data);
    }
});
