// A conversation by voice, as a person meets it, with the embedded voice and ear and the scripted responder: from the last
// sound of the person to the first sound of the persona, and from the first sound of an interruption to silence.
//   node voice_turns.mjs [TURNS]
import { startServer, removeFolder, request } from '../lib/server.mjs';
import { Person } from '../lib/microphone.mjs';
import { spoken } from '../lib/sound.mjs';

const turns = Number(process.argv[2] ?? 30);
const QUESTIONS = ['How are you today?', 'What is your name?', 'Please tell me a story.', 'Can you help me with the garden?', 'Where do you live?'];
const STEPS = ['end_of_turn_ms', 'transcript_ms', 'first_token_ms', 'first_sentence_ms', 'first_audio_ms', 'first_viseme_ms'];
const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
const line = (what, values, goal = '') => console.log(`${what.padEnd(58)} p50 ${at(values, 0.5).toFixed(0).padStart(5)}   p95 ${at(values, 0.95).toFixed(0).padStart(5)} ms ${goal}`);
const trim = ({ samples, rate }) => {
    let [from, to] = [0, samples.length];
    while (from < to && Math.abs(samples[from]) < 200) from++;
    while (to > from && Math.abs(samples[to - 1]) < 200) to--;
    return { samples: samples.subarray(from, to), rate };
};

const server = await startServer();
try {
    const room = (await request(server, 'POST', '/api/rooms', { personas: ['mia'] })).body.id;
    const person = await Person.join(server, room);
    const sounds = [];
    for (const question of QUESTIONS) sounds.push(trim(await spoken(server, question, 'flite/rms')));
    const stop = trim(await spoken(server, 'Wait, please stop. I have a question.', 'flite/rms'));
    const found = Object.fromEntries(STEPS.map((step) => [step, []]));
    const [whole, after, client, pauses] = [[], [], [], []];
    let unheard = 0, interruptions = 0;
    for (let turn = 0; turn < turns; turn++) {
        const first = person.until((m) => m.type === 'sound', 15000).catch(() => null);
        const speech = person.event('speech', (e) => e.data.index === 0, 15000).catch(() => null);
        const ended = person.event('speech.ended', (e) => e.data.index === null, 60000).catch(() => null);
        const said = await person.say(sounds[turn % sounds.length]);
        let sound;
        first.then((frame) => (sound = frame));
        while (sound === undefined) await person.silence(200);
        if (!sound) {
            unheard++;
            continue;
        }
        client.push(sound.when - said.ended);
        if (turn % 3 === 2) {
            const paused = person.until((m) => m.type === 'speech.pause' || m.type === 'speech.stop', 5000).catch(() => null);
            const broke = await person.say(stop);
            const pause = await Promise.race([paused, new Promise((r) => setTimeout(r, 300))]);
            if (pause) {
                interruptions++;
                pauses.push(pause.when - broke.began);
            }
            await person.silence(2500);
        }
        const event = await speech;
        const waterfall = event?.event.data.waterfall;
        if (waterfall) {
            for (const step of STEPS) if (waterfall[step] != null) found[step].push(waterfall[step]);
            whole.push(waterfall.first_audio_ms);
            after.push(waterfall.first_audio_ms - waterfall.end_of_turn_ms);
        }
        await ended;
        await new Promise((r) => setTimeout(r, 300));
        await person.queue;
    }
    console.log(`\nA conversation by voice: ${turns} questions by flite's rms, Mia answers by script (${unheard} not heard)`);
    for (const step of STEPS) line(`  last sound -> ${step.replace(/_ms$/, '').replaceAll('_', ' ')}`, found[step]);
    line('  the same, endpointing aside: end of turn -> first audio', after, '(goal: p50 250, p95 500)');
    line('  last frame sent -> first frame of sound at the client', client);
    line(`  first frame of an interruption -> speech.pause (${interruptions})`, pauses, '(goal: 100, and what silero takes to be sure)');
    await person.leave();
} finally {
    await server.stop();
    removeFolder(server.data);
}
