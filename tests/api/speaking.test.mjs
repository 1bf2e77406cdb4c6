// A persona is heard in its room: sentence by sentence, the same for all, stopped where somebody interrupts.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { addTold, listen, metric, startTeller, whole } from './lib/listener.mjs';
import { openRoom, say, settled } from './lib/talk.mjs';

let server;
let teller;
before(async () => {
    server = await startServer();
    teller = await startTeller();
    await addTold(server, teller);
});
after(async () => {
    await teller.close();
    await server.stop();
    removeFolder(server.data);
});

const FIRST = 'Good morning to you, my dear old friend.';
const SECOND = 'The harbour was quiet and the boats were asleep.';
const THIRD = 'It costs $29 to cross it in the evening.';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const over = (ear, turn, timeout = 30000) => ear.told('speech.ended', (e) => e.data.index === null && (!turn || e.turn === turn), timeout);

/** Waits until the log has so many events of a kind. */
async function logged(room, kind, count = 1) {
    for (let tries = 0; tries < 300; tries++) {
        const events = (await allEvents(server, room)).filter((e) => e.kind === kind);
        if (events.length >= count) return events;
        await pause(20);
    }
    throw new Error(`no ${count} ${kind} in the log`);
}

/** What the engine is given next, as texts. */
async function prompted(room, text) {
    await say(server, room, text);
    const answer = await teller.next();
    answer.say('Yes.');
    answer.end();
    await settled(server, room);
    return answer.body.messages.map((m) => m.content);
}

test('sentences are heard in order while the reply still streams, and kept', async () => {
    const room = await openRoom(server, ['told']);
    const ear = await listen(server, room);
    await say(server, room, 'Good morning!');
    const answer = await teller.next();
    answer.say(`${FIRST} The har`);
    const caption = await ear.told('caption');
    await ear.wait((f) => f.type === 'sound', 'sound before the reply has ended');
    assert.equal(ear.of('turn.ended').length, 0);
    assert.equal(caption.data.text, FIRST);
    assert.equal(caption.data.from, 0);
    assert.deepEqual(caption.data.words.map((w) => w.text).slice(0, 2), ['good', 'morning']);
    answer.say(`bour was quiet and the boats were asleep. *She looks away. Slowly.* ${THIRD}`);
    answer.end();
    const end = await over(ear);
    assert.equal(end.data.reason, 'done');
    const { turn } = end;

    const captions = ear.of('caption');
    const text = `${FIRST} ${SECOND} *She looks away. Slowly.* ${THIRD}`;
    assert.deepEqual(captions.map((e) => e.data.index), captions.map((_, i) => i));
    for (const { data } of captions) assert.equal(Buffer.from(text).subarray(data.from, data.from + Buffer.from(data.text).length).toString(), data.text);
    let total = 0;
    for (const { data } of captions) {
        const { samples, rate } = whole(ear.sound, turn, data.index);
        const ended = ear.of('speech.ended').find((e) => e.data.index === data.index);
        assert.equal(rate, 16000);
        assert.ok(Math.abs((samples / rate) * 1000 - ended.data.duration_ms) <= 1, 'the sound is as long as it is told');
        const { frames } = ear.of('visemes').find((e) => e.data.index === data.index).data;
        for (const [i, key] of frames.entries()) {
            assert.ok(key.at_ms <= ended.data.duration_ms && key.weight >= 0 && key.weight <= 1);
            if (i) assert.ok(frames[i - 1].at_ms <= key.at_ms);
        }
        const position = (fits) => ear.frames.findIndex(fits);
        const at = position((f) => f.event?.kind === 'caption' && f.event.data.index === data.index);
        const sound = position((f) => f.type === 'sound' && f.sound.index === data.index);
        const last = position((f) => f.event?.kind === 'speech.ended' && f.event.data.index === data.index);
        assert.ok(at < sound && sound < last, 'caption, sound, end');
        total += ended.data.duration_ms;
    }
    assert.ok(Math.abs(total - end.data.duration_ms) <= captions.length);
    assert.ok(!captions.some((e) => e.data.words.some((w) => w.text === 'slowly')), 'actions are not spoken');

    const kept = await logged(room, 'speech', captions.length);
    const message = (await allEvents(server, room)).find((e) => e.kind === 'message' && e.author.type === 'persona');
    assert.equal(message.data.text, text);
    assert.deepEqual(kept.map((e) => [e.data.of, e.data.index, e.data.text]), captions.map((e) => [message.data.id, e.data.index, e.data.text]));
    const fall = kept[0].data.waterfall;
    assert.ok(fall.first_token_ms <= fall.first_sentence_ms && fall.first_sentence_ms <= fall.first_viseme_ms && fall.first_viseme_ms <= fall.first_audio_ms);
    assert.equal(kept[1].data.waterfall, undefined);
    const sound = await fetch(`${server.url}/api/media/${kept[0].data.media}`, { headers: { range: 'bytes=0-3' } });
    assert.equal(sound.status, 206);
    assert.equal(sound.headers.get('content-type'), 'audio/ogg');
    assert.equal(await sound.text(), 'OggS');
    const times = await (await fetch(`${server.url}/api/media/${kept[0].data.visemes}`)).json();
    assert.equal(times.duration_ms, kept[0].data.duration_ms);
    assert.deepEqual(times.words, captions[0].data.words);
    assert.ok(times.visemes.length > 5);
    assert.equal((await fetch(`${server.url}/api/media/${'0'.repeat(64)}`)).status, 404);
    assert.ok((await metric(server, 'eidolon_voice_first_audio_seconds_count')) >= 1);
    await ear.close();
});

test('twenty listeners hear the same bytes, spoken and encoded once; one who joins late follows', async () => {
    const room = await openRoom(server, ['told']);
    const ears = await Promise.all(Array.from({ length: 20 }, () => listen(server, room)));
    await pause(100);
    const made = await metric(server, 'eidolon_voice_utterances_total{from="voice"}');
    const frames = await metric(server, 'eidolon_voice_frames_total');
    await say(server, room, 'Tell all of us.');
    const answer = await teller.next();
    const text = 'Nobody in this long and narrow room has ever heard this very sentence before, I am quite sure of it and so are you. And here is another one of them.';
    answer.say(text);
    await ears[0].wait((f) => f.type === 'sound');
    const late = await listen(server, room);
    answer.end();
    const ends = await Promise.all(ears.map((ear) => over(ear)));
    for (const ear of ears) {
        for (const { data } of ear.of('caption')) assert.ok(whole(ear.sound, ends[0].turn, data.index).bytes.equals(whole(ears[0].sound, ends[0].turn, data.index).bytes));
    }
    const sentences = ears[0].of('caption').length;
    assert.equal((await metric(server, 'eidolon_voice_utterances_total{from="voice"}')) - made, sentences);
    assert.equal((await metric(server, 'eidolon_voice_frames_total')) - frames, ears[0].sound.length);
    await over(late);
    assert.ok(late.of('caption').length >= 1 && late.of('visemes').length >= 1, 'what is being said is told');
    const bytes = ears[0].sound.filter((f) => late.sound.some((l) => l.index === f.index && l.at === f.at));
    for (const l of late.sound) assert.ok(bytes.some((f) => f.at === l.at && f.index === l.index && f.bytes.equals(l.bytes)));
    await Promise.all([...ears, late].map((ear) => ear.close()));
});

test('Opus for those who ask for it', async () => {
    const room = await openRoom(server, ['told']);
    const [pcm, opus] = [await listen(server, room), await listen(server, room, 'opus')];
    await pause(100);
    await say(server, room, 'Once more.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND}`);
    answer.end();
    const end = await over(pcm);
    await over(opus);
    await pause(100); // packets are made by a worker: the last may come after the end was told
    for (const index of [0, 1]) {
        const packets = opus.sound.filter((f) => f.index === index);
        const { samples } = whole(pcm.sound, end.turn, index);
        assert.deepEqual(packets.map((f) => f.at), packets.map((_, i) => i * 320), '20 ms each');
        assert.equal(packets.length, Math.ceil(samples / 320));
        assert.ok(packets.every((f) => f.codec === 2 && f.bytes.length > 0 && f.bytes.length < 400));
    }
    await Promise.all([pcm.close(), opus.close()]);
});

/** A told turn that is interrupted when its first sentence is being heard. */
async function interrupted(room, ear, when, { index = 0, ms } = {}) {
    await say(server, room, 'Tell me of the harbour.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND} And then`);
    const caption = await ear.told('caption');
    await ear.wait((f) => f.type === 'sound' && f.sound.turn === caption.turn);
    if (when === 'after') {
        answer.say(' nothing.');
        answer.end();
        await ear.told('turn.ended');
    }
    if (when === 'same moment') {
        answer.say(' nothing.');
        answer.end();
    }
    const words = caption.data.words;
    const upTo = words.findIndex((w) => w.text === 'you');
    ear.send({ type: 'interrupt', room, turn: caption.turn, index, ms: ms ?? words[upTo].to_ms + 5, id: 'stop' });
    const ack = await ear.wait((f) => f.type === 'ack' && f.id === 'stop', 'the interruption is acknowledged');
    return { answer, turn: caption.turn, ack };
}

for (const when of ['before', 'after', 'same moment']) {
    test(`an interruption ${when === 'same moment' ? 'at' : when} the end of the text keeps what was heard, once`, async () => {
        const room = await openRoom(server, ['told']);
        const ear = await listen(server, room);
        await pause(50);
        const { answer, turn, ack } = await interrupted(room, ear, when);
        const events = await settled(server, room);
        const message = events.filter((e) => e.kind === 'message' && e.turn === turn);
        const heard = events.filter((e) => e.kind === 'message.heard');
        const ended = events.find((e) => e.kind === 'turn.ended' && e.turn === turn);
        assert.equal(message.length, 1, 'one message');
        assert.equal(heard.length, 1, 'one message.heard');
        assert.equal(heard[0].seq, ack.seq, 'acknowledged when it is stored');
        assert.equal(heard[0].data.of, message[0].data.id);
        assert.equal(heard[0].data.text, 'Good morning to you,');
        assert.equal(heard[0].data.by, events.find((e) => e.kind === 'message').author.id);
        assert.equal(ended.data.outcome, 'done');
        if (when === 'before') {
            assert.equal(ended.data.finish, 'interrupted');
            assert.equal(message[0].data.text, `${FIRST} ${SECOND} And then`);
            await answer.closed;
        } else if (when === 'after') {
            assert.equal(message[0].data.text, `${FIRST} ${SECOND} And then nothing.`);
        }
        const end = await over(ear, turn);
        assert.equal(end.data.reason, 'interrupted');
        const frames = ear.sound.length;
        ear.send({ type: 'interrupt', room, turn, index: 1, ms: 300, id: 'again' });
        const again = await ear.wait((f) => f.type === 'ack' && f.id === 'again');
        assert.equal(again.seq, ack.seq, 'a second one changes nothing');
        const prompt = await prompted(room, 'Sorry, go on.');
        assert.ok(prompt.some((t) => t === 'Good morning to you,\u2014'), JSON.stringify(prompt.slice(-3)));
        assert.equal(ear.sound.filter((f) => f.turn === turn).length, frames, 'nothing of it was heard any more');
        await ear.close();
    });
}

test('nothing played: nothing was heard; played tells how far when the interruption does not', async () => {
    const room = await openRoom(server, ['told']);
    const ear = await listen(server, room);
    await pause(50);
    const { turn } = await interrupted(room, ear, 'before', { ms: 0 });
    let [heard] = await logged(room, 'message.heard');
    assert.equal(heard.data.text, '');
    await over(ear, turn);
    await settled(server, room);

    await say(server, room, 'Again, please.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND} And`);
    const second = await ear.told('caption', (e) => e.turn !== turn && e.data.index === 1);
    const boats = second.data.words.find((w) => w.text === 'quiet');
    ear.send({ type: 'played', room, turn: second.turn, index: 1, ms: boats.to_ms + 10 });
    await ear.wait((f) => f.type === 'sound' && f.sound.turn === second.turn && f.sound.index === 1 && f.sound.at > (boats.to_ms + 10) * 16);
    const stop = await request(server, 'POST', `/api/rooms/${room}/interrupt`, { turn: second.turn });
    assert.equal(stop.status, 200, JSON.stringify(stop.body));
    [, heard] = await logged(room, 'message.heard', 2);
    assert.equal(heard.data.text, `${FIRST} The harbour was quiet`);
    await answer.closed;
    assert.equal((await request(server, 'POST', `/api/rooms/${room}/interrupt`, {})).status, 400);
    assert.equal((await request(server, 'POST', `/api/rooms/${room}/interrupt`, { turn: room })).status, 404);
    await ear.close();
});

test("a person's other tabs are not others: an interruption stops the persona in all of them", async () => {
    const room = await openRoom(server, ['told']);
    const [ear, tab] = [await listen(server, room), await listen(server, room, 'opus')];
    await pause(50);
    await say(server, room, 'Tell me in both tabs.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND} And`);
    const caption = await ear.told('caption');
    await ear.wait((f) => f.type === 'sound' && f.sound.at > 16000);
    ear.send({ type: 'interrupt', room, turn: caption.turn, index: 0, ms: 900, id: 'stop' });
    await ear.wait((f) => f.type === 'ack' && f.id === 'stop');
    await answer.closed;
    for (const each of [ear, tab]) assert.equal((await over(each)).data.reason, 'interrupted');
    const [heard] = await logged(room, 'message.heard');
    assert.ok(FIRST.startsWith(heard.data.text) && heard.data.text.length > 3);
    await Promise.all([ear.close(), tab.close()]);
});

test('twenty come, go and change what they hear while a persona speaks; who stays misses nothing', async () => {
    const room = await openRoom(server, ['told']);
    const stays = await listen(server, room);
    await say(server, room, 'Tell it to a crowd.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND}`);
    const caption = await stays.told('caption');
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
        const one = await listen(server, room, i % 2 ? 'opus' : 'pcm');
        one.send({ type: 'join', room, audio: i % 2 ? 'pcm' : 'opus' });
        await pause(5 * i);
        one.send({ type: 'join', room, audio: i % 3 ? 'opus' : false });
        if (i % 4) one.ws.terminate();
        else await one.close();
    }));
    answer.end();
    assert.equal((await over(stays, caption.turn)).data.reason, 'done');
    for (const index of [0, 1]) assert.ok(whole(stays.sound, caption.turn, index).samples > 8000);
    assert.equal((await request(server, 'GET', '/readyz')).status, 200);
    await stays.close();
});

test('a message is spoken again as it was; what was spoken before is there at once', async () => {
    const room = await openRoom(server, ['told']);
    const ear = await listen(server, room);
    await say(server, room, 'Say it.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND}`);
    answer.end();
    const first = await over(ear);
    await logged(room, 'speech', 2);
    const message = (await allEvents(server, room)).find((e) => e.kind === 'message' && e.turn === first.turn);
    const made = await metric(server, 'eidolon_voice_utterances_total{from="voice"}');
    const asked = performance.now();
    const again = await request(server, 'POST', `/api/rooms/${room}/messages/${message.data.id}/speech`, {});
    assert.equal(again.status, 202, JSON.stringify(again.body));
    const caption = await ear.told('caption', (e) => e.turn === again.body.turn);
    assert.ok(performance.now() - asked < 1500);
    assert.equal(caption.data.text, FIRST);
    const end = await over(ear, again.body.turn);
    assert.equal(end.data.reason, 'done');
    for (const index of [0, 1]) {
        const [a, b] = [whole(ear.sound, first.turn, index), whole(ear.sound, again.body.turn, index)];
        assert.ok(Math.abs(a.samples / a.rate - b.samples / b.rate) < 0.02, 'as long as the first time');
    }
    assert.equal(await metric(server, 'eidolon_voice_utterances_total{from="voice"}'), made, 'from what was kept');
    await pause(100);
    assert.equal((await logged(room, 'speech', 2)).length, 2, 'nothing is kept twice');
    const user = (await allEvents(server, room)).find((e) => e.kind === 'message' && e.author.type === 'user');
    assert.equal((await request(server, 'POST', `/api/rooms/${room}/messages/${user.data.id}/speech`, {})).status, 422);

    const hits = await metric(server, 'eidolon_voice_utterances_total{from="cache"}');
    const speak = () => fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'This is said twice.', voice: 'flite/rms' }) }).then((r) => r.arrayBuffer());
    const sounds = [await speak()];
    await pause(200);
    sounds.push(await speak());
    assert.ok(Buffer.from(sounds[0]).equals(Buffer.from(sounds[1])));
    assert.equal(await metric(server, 'eidolon_voice_utterances_total{from="cache"}'), hits + 1);
    assert.ok(readdirSync(join(server.data, 'cache', 'speech')).length >= 3);
    await ear.close();
});

test('forgetting a message forgets how it sounded', async () => {
    const room = await openRoom(server, ['told']);
    const ear = await listen(server, room);
    await say(server, room, 'A secret.');
    const answer = await teller.next();
    answer.say('The secret lies under the old oak tree.');
    answer.end();
    const end = await over(ear);
    const [speech] = await logged(room, 'speech');
    const message = (await allEvents(server, room)).find((e) => e.kind === 'message' && e.turn === end.turn);
    assert.equal((await request(server, 'DELETE', `/api/rooms/${room}/messages/${message.data.id}?forget=true`)).status, 204);
    const now = (await allEvents(server, room)).find((e) => e.seq === speech.seq);
    assert.ok(!JSON.stringify(now).includes(speech.data.media), 'no event names its blobs any more: the sweep takes them');
    assert.ok(!JSON.stringify(now).includes('oak'));
    await ear.close();
});

test('off: nobody is heard; nobody listens: nothing is made', async () => {
    const room = await openRoom(server, ['told']);
    const made = await metric(server, 'eidolon_voice_utterances_total{from="voice"}');
    assert.equal((await request(server, 'PATCH', `/api/rooms/${room}`, { voice: 'off' })).body.voice, 'off');
    const ear = await listen(server, room);
    await prompted(room, 'Quiet, please.');
    await pause(100);
    assert.equal(ear.sound.length + ear.of('caption').length, 0);
    await ear.close();
    await request(server, 'PATCH', `/api/rooms/${room}`, { voice: 'auto' });
    await prompted(room, 'And now?');
    assert.equal(await metric(server, 'eidolon_voice_utterances_total{from="voice"}'), made);
});

test('a voice that fails: the text is there all the same, and why is told', async () => {
    await addTold(server, teller, 'mute', { provider: 'flite', name: 'nobody-of-that-name' });
    const room = await openRoom(server, ['mute']);
    const ear = await listen(server, room);
    await say(server, room, 'Speak up.');
    const answer = await teller.next();
    answer.say(`${FIRST} ${SECOND}`);
    answer.end();
    const end = await over(ear);
    const events = await settled(server, room);
    assert.equal(events.find((e) => e.kind === 'message' && e.turn === end.turn).data.text, `${FIRST} ${SECOND}`);
    if (end.data.reason === 'failed') assert.match(end.data.error.message, /voice/);
    else assert.equal(end.data.reason, 'done', 'another voice of the chain took over');
    await ear.close();
});

test('an interruption also silences who waits to speak next', async () => {
    await addTold(server, teller, 'second', { provider: 'flite', name: 'rms' });
    const room = await openRoom(server, ['told', 'second']);
    const ear = await listen(server, room);
    await pause(50);
    await say(server, room, 'Tilda and Second, tell me, both of you.');
    const first = await teller.next();
    first.say(`${FIRST} ${SECOND} ${THIRD}`);
    first.end();
    const caption = await ear.told('caption');
    await ear.wait((f) => f.type === 'sound');
    const second = await teller.next();
    second.say('I have something to say as well, and a lot of it. And');
    await ear.told('delta', (e) => e.turn !== caption.turn);
    ear.send({ type: 'interrupt', room, turn: caption.turn, index: 0, ms: 900, id: 'stop' });
    await ear.wait((f) => f.type === 'ack' && f.id === 'stop');
    const events = await settled(server, room);
    const heard = events.filter((e) => e.kind === 'message.heard');
    assert.equal(heard.length, 2);
    assert.equal(heard.find((e) => e.turn !== caption.turn).data.text, '', 'the second was not heard at all');
    await pause(300);
    assert.ok(ear.sound.every((f) => f.turn === caption.turn), 'only the first was heard');
    await ear.close();
});
