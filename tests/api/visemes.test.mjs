// Mouth shapes against the sound: order, bounds, lips that close on p, b and m, a mouth at rest where the sound is silent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, startServer } from '../lib/server.mjs';
import { agreement, faults, open, silences, speak } from './lib/visemes.mjs';

const LABIAL = 'My brother bought a map. Peter, Mary and Bob bring a purple ball.';
const NONE = 'She sells her yellow chairs in Delhi. It is a sunny day.';
const PAUSED = '<speak>Hello there. <break time="900ms"/> Are you here?</speak>';
let server;
let far;
before(async () => {
    server = await startServer();
    // One whose voice tells no mouth shapes: the first one's, over OpenAI's API.
    far = await startServer({ args: ['--speech.near.type=openai', `--speech.near.base_url=${server.url}/v1`, '--speech.near.model=tts-1', '--speech.near.voice=flite/slt'] });
});
after(async () => {
    for (const each of [far, server]) {
        await each.stop();
        removeFolder(each.data);
    }
});

for (const name of ['slt', 'rms', 'awb', 'kal16'])
    test(`flite ${name}: the timeline fits the sound`, async () => {
        const voice = `flite/${name}`;
        for (const text of [LABIAL, NONE, PAUSED]) {
            const spoken = await speak(server, { text, voice });
            assert.deepEqual(faults(spoken, text === PAUSED ? 'hello there' : text), [], text);
            assert.ok(agreement(spoken) > 0.93, `${name}: the mouth moves in ${agreement(spoken).toFixed(3)} of the loud time`);
        }
        assert.deepEqual(open(await speak(server, { text: LABIAL, voice }), 20), []);
        assert.equal(silences(await speak(server, { text: PAUSED, voice }), 700).length, 1, 'the pause is there');
    });

test('espeak: the timeline fits the sound', async () => {
    for (const text of [LABIAL, NONE]) {
        const spoken = await speak(server, { text, voice: 'espeak/en-us' });
        assert.deepEqual(faults(spoken, text), [], text);
        assert.ok(agreement(spoken) > 0.93);
        assert.deepEqual(open(spoken, 60), []);
    }
});

test('estimated from text and loudness: the timeline fits the sound', async () => {
    for (const text of [LABIAL, NONE]) {
        const spoken = await speak(far, { text, voice: 'near/flite/slt' });
        assert.deepEqual(faults(spoken, text), [], text);
        assert.ok(agreement(spoken) > 0.93);
        // Words are as far off as the estimate is: of seven, one may be more than a fifth of a second off.
        assert.ok(open(spoken, 200).length <= 1, String(open(spoken, 200)));
    }
});

test('the checks see what is wrong', async () => {
    const spoken = await speak(server, { text: LABIAL, voice: 'flite/slt' });
    const moved = { ...spoken, visemes: spoken.visemes.map((key) => ({ ...key, at_ms: key.at_ms + 300 })) };
    assert.notDeepEqual(faults(moved, LABIAL), []);
    assert.notDeepEqual(open({ ...spoken, visemes: spoken.visemes.filter((key) => key.viseme !== 'PP') }, 20), []);
    assert.ok(faults(spoken, NONE).some((sentence) => /lips close/.test(sentence)));
});
