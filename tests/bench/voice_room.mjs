// How soon a persona is heard in its room, and how soon it is silent: prints a table. `make bench-voice`.
//
//   sentence -> sound    from the end of a sentence's text leaving the engine to its first frame (goal 60 ms)
//   text -> sound        from a typed message to the first frame of the scripted answer
//   200 listeners        one voice for all: frames encoded against frames heard, the last listener's lag
//   barge-in             from `interrupt` to the last frame that came (goal 100 ms)
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { addTold, listen, metric, startTeller } from '../api/lib/listener.mjs';
import { openRoom, say } from '../api/lib/talk.mjs';

const ROUNDS = 30;
const LISTENERS = 200;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const show = (name, list, goal = '') => console.log(`${name.padEnd(34)} p50 ${at(list, 0.5).toFixed(1).padStart(7)} ms   p95 ${at(list, 0.95).toFixed(1).padStart(7)} ms   ${goal}`);

const server = await startServer({ args: ['--voice.cache_size=0'] });
const teller = await startTeller();
await addTold(server, teller);
await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
const NAMES = ['harbour', 'garden', 'station', 'library', 'mountain', 'market', 'river', 'theatre'];
const sentence = (i) => `This is the story number ${i} of the old ${NAMES[i % NAMES.length]}, and nobody heard it before.`;
const over = (ear, turn) => ear.told('speech.ended', (e) => e.turn === turn && e.data.index === null, 60000);

const room = await openRoom(server, ['told']);
let ear = await listen(server, room);
await pause(100);
const sentences = [];
const stops = [];
for (let i = -2; i < ROUNDS; i++) {
    const had = ear.sound.length;
    await say(server, room, `Tell me number ${i}.`);
    const answer = await teller.next();
    await pause(20);
    const told = performance.now();
    answer.say(`${sentence(i)} And`);
    await ear.wait(() => ear.sound.length > had, 'sound');
    const first = ear.sound[had];
    answer.say(` then it went on. ${sentence(i + 1000)} ${sentence(i + 2000)} Oh`); // so that sound still comes
    await pause(150);
    if (i >= 0) sentences.push(first.when - told);
    const asked = performance.now();
    ear.send({ type: 'interrupt', room, turn: first.turn, index: 0, ms: 10, id: `stop ${i}` });
    await ear.wait((f) => f.type === 'ack' && f.id === `stop ${i}`);
    await over(ear, first.turn);
    await pause(30);
    if (i >= 0) stops.push(Math.max(0, ear.sound.at(-1).when - asked));
}
await ear.close();
show('sentence -> sound (flite slt)', sentences, 'goal p50 60');
show('barge-in: interrupt -> last frame', stops, 'goal 100');

const talk = await openRoom(server, ['mia']);
ear = await listen(server, talk);
await pause(100);
const texts = [];
for (let i = -2; i < ROUNDS; i++) {
    const had = ear.sound.length;
    const asked = performance.now();
    await say(server, talk, `What do you think about the ${NAMES[(i + 8) % NAMES.length]} today?`);
    await ear.wait(() => ear.sound.length > had, 'sound');
    const first = ear.sound[had];
    if (i >= 0) texts.push(first.when - asked);
    ear.send({ type: 'interrupt', room: talk, turn: first.turn, index: 0, ms: 10 });
    await over(ear, first.turn);
}
await ear.close();
show('text -> sound (scripted engine)', texts, 'goal p50 250, p95 500');

const hall = await openRoom(server, ['told']);
const ears = await Promise.all(Array.from({ length: LISTENERS }, () => listen(server, hall)));
await pause(300);
const frames = await metric(server, 'eidolon_voice_frames_total');
await say(server, hall, 'Tell all of us.');
const answer = await teller.next();
answer.say('This is heard by everybody who is in the hall tonight.');
answer.end();
await Promise.all(ears.map((e) => e.told('speech.ended', (x) => x.data.index === null, 60000)));
const encoded = (await metric(server, 'eidolon_voice_frames_total')) - frames;
const heard = ears.reduce((sum, e) => sum + e.sound.length, 0);
const lags = ears[0].sound.map((f, i) => Math.max(...ears.map((e) => e.sound[i]?.when ?? Infinity)) - Math.min(...ears.map((e) => e.sound[i]?.when ?? Infinity)));
console.log(`${`${LISTENERS} listeners`.padEnd(34)} ${encoded} frames encoded, ${heard} heard; first to last listener p95 ${at(lags, 0.95).toFixed(1)} ms`);
await Promise.all(ears.map((e) => e.close()));
await teller.close();
await server.stop();
removeFolder(server.data);
