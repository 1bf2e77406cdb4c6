// Microphones on the socket, end to end: flite's voice and people's recordings are heard, turns end, personas give way and go
// on, and nothing is made up where nobody speaks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { addTold, listen, metric, startTeller } from './lib/listener.mjs';
import { oggPackets } from '../lib/mediafiles.mjs';
import { hum, human, joined, noise, quiet, spoken } from '../lib/sound.mjs';
import { openMic, sleep, stream, streamOpus } from './lib/microphone.mjs';

let server;
let teller;
before(async () => {
    server = await startServer();
    teller = await startTeller();
    await addTold(server, teller, 'told');
});
after(async () => {
    await server.stop();
    await teller.close();
    removeFolder(server.data);
});

const LONG =
    'There was once a lighthouse at the end of the long and narrow land. Its keeper was an old woman with three cats. ' +
    'Every evening she climbed the hundred steps and lit the great lamp. And every morning she came down again to make tea. ' +
    'Ships came from far away to see the light and to bring her letters and coffee and now and then a book. ' +
    'One day in the spring a small boat came, and in it sat a boy who had a question that nobody could answer.';

async function makeRoom(persona = 'told') {
    const made = await request(server, 'POST', '/api/rooms', { personas: [persona] });
    assert.equal(made.status, 201);
    return made.body.id;
}

/** A room, a socket in it, and an open microphone that silero listens to. */
async function talk(options = {}, audio = false) {
    const room = await makeRoom();
    const socket = await listen(server, room, audio);
    const mic = await openMic(socket, room, options);
    await mic.silero();
    mic.since();
    return { room, socket, mic };
}

/** Plays what comes as a page would: tells how far it is, stops at pause and stop. */
function player(socket, room) {
    const p = { playing: true, ms: 0, log: [] };
    let index = 0;
    let at = 0;
    const lengths = () => socket.sound.reduce((map, f) => map.set(f.index, (map.get(f.index) ?? 0) + f.bytes.length / 2 / f.rate), new Map());
    const timer = setInterval(() => {
        const turn = socket.sound.at(-1)?.turn;
        for (const f of socket.frames) {
            if (f.seen || !String(f.type).startsWith('speech.')) continue;
            f.seen = true;
            p.log.push({ type: f.type, when: f.when });
            p.playing = f.type === 'speech.resume' || (f.type !== 'speech.pause' && f.type !== 'speech.stop' && p.playing);
        }
        if (!turn || !p.playing) return;
        at += 0.05;
        const length = lengths();
        while (at > (length.get(index) ?? Infinity)) at -= length.get(index++);
        socket.send({ type: 'played', room, turn, index, ms: Math.round(at * 1000) });
    }, 50);
    timer.unref(); // a test that fails before it stops it must not keep the file from ending
    p.stop = () => clearInterval(timer);
    return p;
}

test('what is said becomes a message, and is answered', async () => {
    teller.forget();
    const { room, socket, mic } = await talk();
    const sound = joined(await spoken(server, 'What is the weather like today?'), quiet(1500));
    await stream(socket, sound);
    const final = await mic.final();
    assert.equal(final.reason, 'said');
    assert.match(final.text, /weather.*today/);
    assert.ok(final.seq > 0);
    const message = await socket.wait((f) => f.type === 'event' && f.event.kind === 'message' && f.event.seq === final.seq);
    assert.equal(message.event.data.text, final.text);
    assert.ok(message.event.data.spoken.duration_ms > 500);
    assert.ok(message.event.data.spoken.words.length >= 4);
    const answer = await teller.next();
    answer.say('Sunny.');
    answer.end();
    const kinds = socket.frames.filter((f) => f.type === 'mic' || f.type.startsWith('mic.')).map((f) => f.state ?? f.type);
    const order = ['listening', 'hearing', 'transcribing', 'mic.final'].map((k) => kinds.indexOf(k));
    assert.ok(order.every((at, i) => at >= 0 && (!i || at > order[i - 1])), kinds.join(' '));
    assert.ok(kinds.includes('mic.partial'), 'words came while they were said');
    assert.equal((await request(server, 'GET', `/api/rooms/${room}`)).status, 200);
    await socket.close();
});

test('a person is understood, faster than she speaks and at 8 kHz', async () => {
    const { socket, mic } = await talk({ rate: 8000 });
    await stream(socket, joined(quiet(300, 8000), human('conf-onlyperson'), quiet(2000, 8000)), 4);
    const final = await mic.final();
    assert.equal(final.reason, 'said');
    assert.match(final.text, /^you are/);
    await socket.close();
});

test('Opus is understood as PCM is', async () => {
    const { socket, mic } = await talk({ codec: 'opus' });
    const said = await fetch(`${server.url}/v1/audio/speech`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'tts-1', voice: 'flite/slt', input: 'What is the weather like today?', response_format: 'opus' })
    });
    const still = await fetch(`${server.url}/api/tts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: '<speak><break time="2s"/></speak>', voice: 'flite/slt', format: 'opus' })
    });
    const packets = oggPackets(Buffer.from(await said.arrayBuffer())).slice(2);
    const silence = still.ok ? oggPackets(Buffer.from(await still.arrayBuffer())).slice(2) : [];
    // Nobody begins to speak in the moment in which the microphone is opened.
    await streamOpus(socket, [...silence.slice(0, 15), ...packets, ...silence], 2);
    if (!silence.length) await sleep(2000);
    const final = await mic.final();
    assert.match(final.text, /weather like today/);
    await socket.close();
});

test('a pause for thought is no end: what was written down before it is heard on', async () => {
    const { socket, mic } = await talk();
    const parts = ['I went to the market and', 'bought some milk and some bread because', 'my brother lives in a small house near the river.'];
    const sounds = await Promise.all(parts.map((text) => spoken(server, text)));
    // Longer than the detector takes to say that nobody speaks (200 ms), shorter than the end of a turn.
    await stream(socket, joined(quiet(300), sounds[0], quiet(150), sounds[1], quiet(150), sounds[2], quiet(150), sounds[2], quiet(1500)), 2);
    const final = await mic.final();
    assert.equal(final.reason, 'said');
    assert.match(final.text, /market.*milk.*near the river.*near the river$/);
    assert.equal(final.text.match(/market/g).length, 1, 'nothing is written down twice');
    const message = await socket.wait((f) => f.type === 'event' && f.event.kind === 'message' && f.event.seq === final.seq);
    const words = message.event.data.spoken.words;
    assert.equal(words.map((w) => w.word).join(' '), final.text);
    for (const [i, w] of words.entries()) assert.ok(w.end >= w.start && (!i || w.start >= words[i - 1].end - 0.02), `${w.word} at ${w.start}`);
    assert.ok(words.at(-1).end * 1000 <= message.event.data.spoken.duration_ms + 800);
    await socket.close();
});

test('silence, noise and hum stay what they are', async () => {
    const { room, socket, mic } = await talk();
    const mains = quiet(3000);
    for (let i = 0; i < mains.samples.length; i++) mains.samples[i] = 4000 * Math.sin((i * 2 * Math.PI * 50) / 16000);
    const word = await spoken(server, 'Oh');
    const broken = joined(quiet(21), { samples: word.samples.slice(0, 16000 * 0.28), rate: 16000 }, noise(400, 2000));
    await stream(socket, joined(quiet(3000), noise(3000, 1500), mains, quiet(1500), broken, quiet(2000)), 4);
    await sleep(1000);
    await socket.wait(() => socket.frames.findLast((f) => f.type === 'mic').state === 'listening', 'the last verdict');
    const told = socket.frames.filter((f) => f.type === 'mic.final' && f.text);
    assert.deepEqual(told, []);
    const events = await request(server, 'GET', `/api/rooms/${room}/messages`);
    assert.ok(!JSON.stringify(events.body).includes('"spoken"'));
    await socket.close();
});

test('push to talk: the turn ends when the button is let go, not before', async () => {
    const { socket, mic } = await talk({ mode: 'push_to_talk' });
    await stream(socket, joined(await spoken(server, 'Please open the window.'), quiet(2000)), 2);
    assert.ok(!socket.frames.some((f) => f.type === 'mic.final'), 'it waits');
    socket.send({ type: 'mic.commit', room: mic.room });
    const final = await mic.final();
    assert.match(final.text, /open the window/);
    socket.send({ type: 'mic.commit', room: mic.room });
    const empty = await mic.final();
    assert.equal(empty.reason, 'empty');
    assert.equal(empty.seq, null);
    await stream(socket, await spoken(server, 'Never mind.'), 4);
    socket.send({ type: 'mic.discard', room: mic.room });
    await sleep(800);
    assert.equal(socket.frames.filter((f) => f.type === 'mic.final').length, 2);
    await socket.close();
});

test('a wake phrase: only what follows it is a message', async () => {
    const { socket, mic } = await talk({ wake: 'computer' });
    await stream(socket, joined(await spoken(server, 'What time is it?'), quiet(1500)), 2);
    const ignored = await mic.final();
    assert.equal(ignored.reason, 'not_woken');
    assert.equal(ignored.text, '');
    await stream(socket, joined(await spoken(server, 'Computer, what is the weather like today?'), quiet(1500)), 2);
    const final = await mic.final();
    assert.equal(final.reason, 'said');
    assert.match(final.text, /weather.*today/);
    assert.doesNotMatch(final.text, /computer/);
    await socket.close();
});

/** A persona in mid-speech, played by a page. */
async function interrupted() {
    teller.forget();
    const all = await talk({}, true);
    const { socket, room } = all;
    socket.send({ type: 'say', room, text: 'Tell me a long story.' });
    let answer; // turns of tests before may still be asking
    do answer = await teller.next();
    while (!JSON.stringify(answer.body.messages.at(-1)).includes('Tell me a long story.'));
    answer.say(LONG);
    answer.end();
    const page = player(socket, room);
    await socket.wait(() => socket.sound.length > 20, 'sound');
    await sleep(2500);
    all.mic.since();
    return { ...all, page };
}

test('real words stop the persona; the log says what was heard; they are the next message', async () => {
    const { socket, mic, page } = await interrupted();
    const said = await spoken(server, 'Wait, what are the names of the cats?');
    await stream(socket, joined(said, quiet(1200)));
    const hearing = await mic.next((f) => f.type === 'speech.pause' || f.type === 'mic', 'a pause');
    assert.equal(hearing.type, 'speech.pause', 'falling silent comes before anything else');
    // How soon is not a matter for a test that shares its machine: make bench-mics.
    await mic.next((f) => f.type === 'speech.stop', 'a stop');
    const final = await mic.final();
    assert.equal(final.reason, 'said');
    assert.match(final.text, /names/);
    const heard = await socket.told('message.heard');
    assert.ok(LONG.startsWith(heard.data.text.replace(/[-–—… ]+$/, '')), heard.data.text);
    assert.ok(heard.data.text.length > 10 && heard.data.text.length < LONG.length - 20, heard.data.text);
    page.stop();
    await socket.close();
});

/** What is said or makes a noise into the persona's speech, one after the other; what of it paused, resumed and stopped her. */
async function into({ socket, mic }, sounds) {
    const from = socket.frames.length;
    const count = (type) => socket.frames.slice(from).filter((f) => f.type === type).length;
    for (const [name, sound] of Object.entries(sounds)) {
        await stream(socket, joined(sound, quiet(1700)));
        // However long the ears take: one that was paused goes on, by their verdict or after ear.resume_after.
        await socket.wait(() => count('speech.stop') || count('speech.resume') >= count('speech.pause'), `resuming after ${name}`);
        assert.equal(count('speech.stop'), 0, `${name} stopped her: ${JSON.stringify(socket.frames.slice(from).filter((f) => /^mic\.|^speech\./.test(f.type)))}`);
    }
    // All that was heard is settled before anything is said of what did not happen.
    await socket.wait(() => socket.frames.findLast((f) => f.type === 'mic')?.state === 'listening', 'the last verdict');
    assert.equal(socket.of('message').filter((e) => e.data.spoken).length, 0, 'a message was made of it');
    assert.equal(count('message.heard'), 0);
    return count('speech.pause');
}

test('"mm-hm" and "yeah" resume, and are no message', async () => {
    const all = await interrupted();
    const signs = { 'mm-hm, low': hum(120), 'mm-hm, high': hum(200), 'uh-huh': await spoken(server, 'Uh-huh.'), yeah: await spoken(server, 'Yeah.') };
    const pauses = await into(all, signs);
    assert.equal(pauses, Object.keys(signs).length, 'she listened to each');
    all.page.stop();
    await all.socket.close();
});

test('noise does not stop anybody', async () => {
    const all = await interrupted();
    // The detector takes few noises for speech. One that it does, wherever its windows fall: a syllable broken off by a bang,
    // of which pocketsphinx makes "but", "up", "thigh".
    const word = await spoken(server, 'Oh');
    const cut = { samples: word.samples.slice(0, 16000 * 0.28), rate: 16000 };
    const broken = (ms) => joined(quiet(ms), cut, noise(400, 2000));
    const pauses = await into(all, { bang: noise(300, 12000), 'broken off': broken(13), 'broken off, later': broken(21), 'broken off, later still': broken(29), hiss: noise(1500, 6000) });
    assert.ok(pauses > 0, 'none was taken for speech: this shows nothing');
    all.page.stop();
    await all.socket.close();
});

test('the browser writes the text itself', async () => {
    const { socket, mic } = await talk({ recogniser: 'browser' });
    socket.send({ type: 'mic.text', room: mic.room, text: 'good', final: false });
    socket.send({ type: 'mic.text', room: mic.room, text: 'Good evening', final: true, confidence: 0.9 });
    const final = await mic.final();
    assert.equal(final.text, 'Good evening');
    assert.equal(final.confidence, 0.9);
    assert.equal(final.reason, 'said');
    await socket.close();
});

test('what is broken is refused in words, and the microphone goes on', async () => {
    const { room, socket, mic } = await talk();
    const refused = async (bytes, match) => {
        mic.since();
        socket.ws.send(Buffer.from(bytes));
        const frame = await mic.next((f) => f.type === 'error', 'an error');
        assert.match(frame.error.message, match);
    };
    await refused([2], /head of 4 bytes/);
    await refused([2, 9, 0, 0, 1, 2], /codec 1 or 2/);
    await refused([2, 1, 0, 0, 1, 2, 3], /half a sample/);
    await refused([2, 2, 0, 0, 1, 2], /opened for PCM/);
    await refused([77, 1, 2, 3], /means nothing/);
    await refused(Buffer.alloc(30000, 2), /bytes at most|head of 4/);
    mic.since();
    socket.send({ type: 'mic', room, on: true, rate: 100 });
    assert.ok(await mic.next((f) => f.type === 'error', 'an error'));
    socket.send({ type: 'mic', room, on: true, codec: 'opus' });
    await mic.state('listening');
    await refused([2, 2, 0, 0, 255, 255, 255, 255, 1], /no Opus/);
    socket.send({ type: 'mic', room, on: false });
    await mic.state('off');
    await refused([2, 1, 0, 0, 1, 2], /No microphone is open/);
    const other = await makeRoom();
    mic.since();
    socket.send({ type: 'mic', room: other, on: true });
    assert.match((await mic.next((f) => f.type === 'error', 'an error')).error.message, /Join the room/);
    await socket.close();
});

test('a client that disappears in mid-word leaves nothing behind', async () => {
    const before = await metric(server, 'eidolon_microphones_open');
    const { socket } = await talk();
    assert.equal(await metric(server, 'eidolon_microphones_open'), before + 1);
    await stream(socket, await spoken(server, 'I was just about to'), 4);
    socket.ws.terminate();
    await sleep(500);
    assert.equal(await metric(server, 'eidolon_microphones_open'), before);
});

test('fifty microphones are open, and one of them is understood', async () => {
    const sockets = await Promise.all(Array.from({ length: 49 }, () => talk()));
    const { socket, mic } = await talk();
    const still = quiet(3000);
    const others = sockets.map((s) => stream(s.socket, still));
    await stream(socket, joined(await spoken(server, 'What is the weather like today?'), quiet(1500)));
    assert.match((await mic.final()).text, /weather/);
    await Promise.all(others);
    assert.ok((await metric(server, 'eidolon_microphones_open')) >= 50);
    await Promise.all([socket, ...sockets.map((s) => s.socket)].map((s) => s.close()));
});
