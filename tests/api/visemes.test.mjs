// Mouth shapes against the sound: order, bounds, lips that close on p, b and m, a mouth at rest where the sound is silent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { removeFolder, startServer } from '../lib/server.mjs';
import { agreement, faults, open, silences, speak } from './lib/visemes.mjs';

const LABIAL = 'My brother bought a map. Peter, Mary and Bob bring a purple ball.';
const NONE = 'She sells her yellow chairs in Delhi. It is a sunny day.';
const PAUSED = '<speak>Hello there. <break time="900ms"/> Are you here?</speak>';
let server;
before(async () => (server = await startServer()));
after(async () => {
    await server.stop();
    removeFolder(server.data);
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

test('the checks see what is wrong', async () => {
    const spoken = await speak(server, { text: LABIAL, voice: 'flite/slt' });
    const moved = { ...spoken, visemes: spoken.visemes.map((key) => ({ ...key, at_ms: key.at_ms + 300 })) };
    assert.notDeepEqual(faults(moved, LABIAL), []);
    assert.notDeepEqual(open({ ...spoken, visemes: spoken.visemes.filter((key) => key.viseme !== 'PP') }, 20), []);
    assert.ok(faults(spoken, NONE).some((sentence) => /lips close/.test(sentence)));
});
