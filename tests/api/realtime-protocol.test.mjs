// /v1/realtime, the protocol's corners: places of items, what a response may be asked for, who may open a session, and
// updates in the middle of speech. The large lines are in realtime.test.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { png } from '../lib/mediafiles.mjs';
import { allEvents, removeFolder, request, startServer } from '../lib/server.mjs';
import { startTeller } from './lib/listener.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { Realtime, silence, text, to24k, wav } from './lib/realtime.mjs';
import { addEngine } from './lib/talk.mjs';
import { startWhisper } from './lib/whisper-server.mjs';

let server, models, teller;
before(async () => {
    server = await startServer();
    models = await startOpenAI();
    teller = await startTeller();
    await addEngine(server, models.url, 'echo', 'echo');
    await addEngine(server, teller.url, 'teller', 'm');
    await request(server, 'PUT', '/api/engines/seeing', { provider: 'teller', model: 'm', vision: 'on' });
    await request(server, 'POST', '/api/personas', { name: 'Seer', slug: 'seer', engine: 'seeing' });
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    await request(server, 'POST', '/api/personas', { name: 'Told', slug: 'told', engine: 'teller' });
});
after(async () => {
    await server.stop();
    await models.close();
    teller.close();
    removeFolder(server.data);
});

const create = (words, more = {}) => ({ ...text(words), ...more, item: { ...text(words).item, ...(more.id && { id: more.id }) } });
/** What the engine was asked, from its first message of the session on. */
const asked = (answer, of) => answer.body.messages.map((m) => m.content).filter((c) => of.includes(c));

test('items go where they are put, and the engine reads them in that order', async () => {
    for (const model of ['told', 'engine/teller']) {
        const rt = await Realtime.open(server, model, { output_modalities: ['text'] });
        rt.send(create('alpha', { id: 'a' }));
        rt.send(create('bravo', { id: 'b', previous_item_id: 'a' }));
        rt.send(create('charlie', { id: 'c', previous_item_id: 'a' }));
        rt.send(create('zero', { id: 'z', previous_item_id: 'root' }));
        rt.send(create('last', { id: 'l', previous_item_id: '' }));
        await rt.until(() => rt.all('conversation.item.done').length === 5);
        const places = Object.fromEntries(rt.all('conversation.item.added').map((e) => [e.item.id, e.previous_item_id]));
        assert.deepEqual(places, { a: null, b: 'a', c: 'a', z: null, l: 'b' }, model);
        rt.send({ type: 'conversation.item.delete', item_id: 'l' });
        await rt.wait('conversation.item.deleted');
        rt.send(create('end', { id: 'e' }));
        await rt.until(() => rt.all('conversation.item.added').length === 6);
        assert.equal(rt.all('conversation.item.added').at(-1).previous_item_id, 'b', 'the chain skips what is gone');
        rt.send({ type: 'response.create' });
        const answer = await teller.next();
        assert.deepEqual(asked(answer, ['alpha', 'bravo', 'charlie', 'zero', 'last', 'end']), ['zero', 'alpha', 'charlie', 'bravo', 'end'], model);
        answer.say('Fine.');
        answer.end();
        const { response } = await rt.wait('response.done');
        assert.equal(response.output[0].content[0].text, 'Fine.');
        rt.send(create('And then?'));
        rt.send({ type: 'response.create' });
        const next = await teller.next();
        assert.deepEqual(asked(next, ['end', 'Fine.', 'And then?']), ['end', 'Fine.', 'And then?'], 'what was answered is remembered');
        next.end();
        await rt.wait('response.done', 2);
        await rt.close();
    }
});

test('an answer to other input, in the conversation and beside it', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'] });
    rt.send(create('I like tea.', { id: 'tea' }));
    const input = [{ type: 'item_reference', id: 'tea' }, { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What do I like?' }] }];
    for (const [n, conversation] of ['auto', 'none'].entries()) {
        rt.send({ type: 'response.create', response: { conversation, input, instructions: 'One word.', metadata: { n: `${n}` } } });
        const answer = await teller.next();
        assert.deepEqual(asked(answer, ['I like tea.', 'What do I like?']), ['I like tea.', 'What do I like?']);
        assert.match(JSON.stringify(answer.body.messages), /One word\./);
        answer.say('Tea.');
        answer.end();
        const { response } = await rt.wait('response.done', n + 1);
        assert.deepEqual(response.metadata, { n: `${n}` });
        assert.equal(response.conversation_id === null, conversation === 'none');
        const id = response.output[0].id;
        if (conversation === 'none') {
            assert.equal((await rt.errorsOf({ type: 'conversation.item.retrieve', item_id: id })).code, 'item_retrieve_invalid_item_id');
            continue;
        }
        rt.send({ type: 'conversation.item.retrieve', item_id: id });
        assert.equal((await rt.wait('conversation.item.retrieved')).item.content[0].text, 'Tea.');
    }
    rt.send({ type: 'response.create', response: { input: [] } });
    const empty = await teller.next();
    assert.ok(!JSON.stringify(empty.body.messages).includes('I like tea.'), 'an empty input is an empty context');
    empty.end();
    await rt.wait('response.done', 3);
    const rooms = (await request(server, 'GET', '/api/rooms')).body.data;
    const messages = await request(server, 'GET', `/api/rooms/${rooms[0].id}/messages`);
    assert.match(JSON.stringify(messages.body), /Tea\./, 'the log has what was added to the conversation');
    await rt.close();
});

test('what a response cannot be asked for is refused by name', async () => {
    const rt = await Realtime.open(server, 'mia', { output_modalities: ['text'] });
    const many = Object.fromEntries([...Array(17)].map((_, i) => [`k${i}`, 'v']));
    for (const [response, code, param] of [
        [{ modalities: ['text'] }, 'unknown_parameter', 'response.modalities'],
        [{ temperature: 0.8 }, 'unknown_parameter', 'response.temperature'],
        ['now', 'invalid_type', 'response'],
        [{ metadata: many }, 'object_above_max_properties', 'response.metadata'],
        [{ metadata: { a: 1 } }, 'invalid_type', 'response.metadata'],
        [{ metadata: { ['k'.repeat(65)]: 'v' } }, 'string_above_max_length', 'response.metadata'],
        [{ tool_choice: 'sometimes' }, 'invalid_value', 'response.tool_choice'],
        [{ tools: {} }, 'invalid_type', 'response.tools'],
        [{ tools: [{ type: 'function' }] }, 'invalid_value', 'response.tools'],
        [{ instructions: 7 }, 'invalid_type', 'response.instructions'],
        [{ max_output_tokens: 5000 }, 'invalid_value', 'response.max_output_tokens'],
        [{ output_modalities: ['audio', 'text'] }, 'invalid_value', 'response.output_modalities'],
        [{ audio: { output: { voice: 'nobody at all' } } }, 'invalid_value', 'response.audio.output.voice'],
        [{ audio: { output: { format: { type: 'audio/mp3' } } } }, 'invalid_value', 'response.audio.output.format'],
        [{ prompt: { id: 'pmpt_1' } }, 'invalid_value', 'response.prompt'],
        [{ input: 'hello' }, 'invalid_value', 'response.input']
    ]) {
        const error = await rt.errorsOf({ type: 'response.create', response });
        assert.deepEqual([error.type, error.code, error.param], ['invalid_request_error', code, param], JSON.stringify(response).slice(0, 200));
    }
    for (const [session, code, param] of [
        [{ tool_choice: 'sometimes' }, 'invalid_value', 'session.tool_choice'],
        [{ voice: 'alloy' }, 'unknown_parameter', 'session.voice'],
        [{ truncation: 'sometimes' }, 'invalid_value', 'session.truncation'],
        [{ tracing: 5 }, 'invalid_type', 'session.tracing'],
        [{ audio: { input: { noise_reduction: { type: 'much' } } } }, 'invalid_value', 'session.audio.input.noise_reduction.type'],
        [{ audio: { input: { transcription: { model: 5 } } } }, 'invalid_type', 'session.audio.input.transcription.model'],
        [{ audio: { input: { format: { type: 'audio/pcm', rate: 16000 } } } }, 'invalid_value', 'session.audio.input.format'],
        [{ audio: { input: { turn_detection: { type: 'semantic_vad', threshold: 0.5 } } } }, 'unknown_parameter', 'session.audio.input.turn_detection.thresho'],
        [{ audio: { input: { turn_detection: { type: 'semantic_vad', eagerness: 'very' } } } }, 'invalid_value', 'session.audio.input.turn_detection.eagerness'],
        [{ audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 100 } } } }, 'invalid_value', 'session.audio.input.turn_detection.idle_timeout_ms'],
        [{ audio: { output: { speed: 2 } } }, 'invalid_value', 'session.audio.output.speed']
    ]) {
        const error = await rt.errorsOf({ type: 'session.update', session });
        assert.equal(error.code, code, JSON.stringify(session) + JSON.stringify(error));
        assert.ok(error.param.startsWith(param), `${error.param} for ${param}`);
    }
    assert.equal(rt.all('session.updated').length, 1, 'nothing of what was refused was taken');
    await rt.close();
});

test('what a session is told is what it was given', async () => {
    const rt = await Realtime.open(server, 'mia');
    await rt.wait('session.created');
    const given = {
        type: 'realtime', output_modalities: ['audio'], instructions: 'Be kind.', max_output_tokens: 200, tool_choice: 'required', truncation: 'disabled',
        tools: [{ type: 'function', name: 'f', description: 'F.', parameters: { type: 'object', properties: {} } }],
        audio: {
            input: { format: { type: 'audio/pcmu' }, noise_reduction: { type: 'near_field' }, transcription: { model: 'whisper-1', language: 'en', prompt: 'names' }, turn_detection: { type: 'semantic_vad', eagerness: 'low', create_response: false, interrupt_response: false } },
            output: { format: { type: 'audio/pcma' }, voice: 'alloy', speed: 1.25 }
        }
    };
    rt.send({ type: 'session.update', session: given });
    const { session } = await rt.wait('session.updated');
    for (const key of Object.keys(given)) assert.deepEqual(session[key], given[key], key);
    rt.send({ type: 'session.update', session: { audio: { input: { transcription: null, noise_reduction: null, turn_detection: null } }, max_output_tokens: 'inf', tools: [], instructions: '' } });
    const cleared = (await rt.wait('session.updated', 2)).session;
    assert.deepEqual([cleared.audio.input.transcription, cleared.audio.input.noise_reduction, cleared.audio.input.turn_detection], [null, null, null]);
    assert.deepEqual([cleared.max_output_tokens, cleared.tools, cleared.instructions], ['inf', [], '']);
    assert.deepEqual(cleared.audio.output, given.audio.output, 'what is not named stays');
    rt.send({ type: 'session.update', session: cleared });
    assert.deepEqual((await rt.wait('session.updated', 3)).session, cleared, 'what was told can come back');
    await rt.close();
});

test('calls that a client writes down need no call_id; outputs need their call', async () => {
    const rt = await Realtime.open(server, 'engine/echo', { output_modalities: ['text'] });
    rt.send({ type: 'conversation.item.create', item: { type: 'function_call', name: 'f', arguments: '{}' } });
    const { item } = await rt.wait('conversation.item.added');
    assert.match(item.call_id, /^call_/);
    rt.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: item.call_id, output: '1' } });
    assert.equal((await rt.wait('conversation.item.added', 2)).item.output, '1');
    assert.equal((await rt.errorsOf({ type: 'conversation.item.create', item: { type: 'function_call_output', output: '1' } })).param, 'item.call_id');
    await rt.close();
});

test('a key that is wrong opens nothing; a secret opens sessions until it expires', async () => {
    const locked = await startServer({ args: ['--server.token=a-long-enough-token-for-tests'] });
    try {
        const away = { host: 'eidolon.example' }; // who comes by another name than this machine's has to show the token
        const good = 'a-long-enough-token-for-tests';
        for (const [protocols, headers] of [[['realtime'], away], [['realtime'], { ...away, authorization: 'Bearer wrong' }], [['realtime', 'openai-insecure-api-key.wrong'], away]])
            assert.equal(await Realtime.refusal(locked, 'mia', { headers }, protocols), 401);
        for (const [protocols, headers] of [[['realtime'], { ...away, authorization: `Bearer ${good}` }], [['realtime', `openai-insecure-api-key.${good}`], away]]) {
            const rt = await Realtime.open(locked, 'mia', null, { protocols, headers });
            await rt.wait('session.created');
            await rt.close();
        }
    } finally {
        await locked.stop();
        removeFolder(locked.data);
    }
    const made = await request(server, 'POST', '/v1/realtime/client_secrets', { expires_after: { anchor: 'created_at', seconds: 10 }, session: { type: 'realtime', model: 'mia' } });
    assert.deepEqual(made.body.session.client_secret, { value: made.body.value, expires_at: made.body.expires_at });
    const headers = { authorization: `Bearer ${made.body.value}` };
    for (const model of ['', 'lyra']) {
        const rt = await Realtime.open(server, model, null, { headers });
        assert.equal((await rt.wait('session.created')).session.model, model || 'mia');
        await rt.close();
    }
    const later = await request(server, 'POST', '/v1/realtime/client_secrets', {});
    assert.ok(Math.abs(later.body.expires_at - Date.now() / 1000 - 600) < 5, 'ten minutes, where nothing is said');
    for (const body of [{ expires_after: { anchor: 'now', seconds: 60 } }, { expires_after: { anchor: 'created_at', seconds: 7201 } }, { session: { type: 'realtime', audio: { output: { voice: 'nobody' } } } }]) {
        const refused = await request(server, 'POST', '/v1/realtime/client_secrets', body);
        assert.equal(refused.status, 400, JSON.stringify(body));
        assert.equal(refused.body.error.type, 'invalid_request_error');
    }
    await new Promise((resolve) => setTimeout(resolve, made.body.expires_at * 1000 - Date.now() + 200));
    assert.equal(await Realtime.refusal(server, 'mia', { headers }), 401, 'it has expired');
});

test('pictures reach engines that see, and are refused for those that do not', async () => {
    const url = `data:image/png;base64,${png(64, 48).toString('base64')}`;
    const part = (image_url, more = {}) => ({ type: 'input_image', image_url, ...more });
    const item = (...content) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
    for (const model of ['told', 'engine/teller']) {
        const blind = await Realtime.open(server, model, { output_modalities: ['text'] });
        const error = await blind.errorsOf(item(part(url)));
        assert.deepEqual([error.type, error.code, error.param], ['invalid_request_error', 'unsupported_content_type', 'item.content']);
        assert.match(error.message, /does not see/);
        await blind.close();
    }
    for (const model of ['seer', 'engine/seeing']) {
        const rt = await Realtime.open(server, model, { output_modalities: ['text'] });
        for (const bad of ['https://example.com/cat.png', 'data:image/png;base64,!!!', 'data:text/plain;base64,AAAA', '', 5, undefined]) assert.equal((await rt.errorsOf(item(part(bad)))).param, 'item.content.image_url', `${bad}`);
        if (model === 'seer') assert.equal((await rt.errorsOf(item(part('data:image/png;base64,AAAA')))).param, 'item.content.image_url', 'what is no picture');
        assert.equal(rt.all('conversation.item.added').length, 0);
        rt.send(item({ type: 'input_text', text: 'What is this?' }, part(url, { detail: 'low' })));
        rt.send({ type: 'response.create' });
        const { item: told } = await rt.wait('conversation.item.done');
        assert.deepEqual(told.content, [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: url, detail: 'low' }]);
        const answer = await teller.next();
        const asked = answer.body.messages.findLast((m) => m.role === 'user');
        assert.match(asked.content[0].text, /What is this\?/);
        assert.match(asked.content[1].image_url.url, /^data:image\//);
        answer.say('A picture.');
        answer.end();
        assert.equal((await rt.wait('response.done')).response.status, 'completed');
        if (model === 'seer') {
            const room = (await request(server, 'GET', '/api/rooms')).body.data[0].id;
            const said = (await allEvents(server, room)).find((e) => e.kind === 'message' && e.author.type === 'user');
            assert.deepEqual([said.data.text, said.data.media.length, said.data.media[0].width], ['What is this?', 1, 64]);
        }
        rt.send(item(part(url)));
        assert.equal((await rt.wait('conversation.item.added', 3)).item.content[0].type, 'input_image', 'alone, without a word');
        await rt.close();
    }
});

/** A sentence in flite's voice, as 24 kHz PCM. */
async function spoken(words, voice = 'flite/rms') {
    const answer = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: words, voice, format: 'wav' }) });
    return to24k(wav(Buffer.from(await answer.arrayBuffer())));
}

test('an update of something else leaves what is being said alone', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'], audio: { input: { transcription: { model: 'whisper-1' } } } });
    const sound = await spoken('Good morning, how are you today?');
    await rt.speak(sound.subarray(0, 48 * 1200), 0.5);
    const started = await rt.wait('input_audio_buffer.speech_started');
    rt.send({ type: 'session.update', session: { instructions: 'Be brief.' } });
    await rt.wait('session.updated', 2);
    await rt.speak(Buffer.concat([sound.subarray(48 * 1200), silence(1500)]), 0.5);
    const stopped = await rt.wait('input_audio_buffer.speech_stopped');
    assert.equal(stopped.item_id, started.item_id);
    assert.ok(stopped.audio_end_ms > started.audio_start_ms);
    assert.equal((await rt.wait('input_audio_buffer.committed')).item_id, started.item_id);
    assert.match((await rt.wait('conversation.item.input_audio_transcription.completed')).transcript, /morning/i);
    const answer = await teller.next();
    assert.match(JSON.stringify(answer.body.messages), /Be brief\./);
    answer.say('Well.');
    answer.end();
    assert.equal((await rt.wait('response.done')).response.status, 'completed');
    await rt.close();
});

test('with semantic_vad a sign of listening is no interruption, and words are one', async () => {
    const whisper = await startWhisper();
    const house = await startServer({ args: ['--ear.chain=certain', '--speech.certain.type=openai', `--speech.certain.base_url=${whisper.url}/v1`, '--speech.certain.ear_model=whisper-1'] });
    try {
        await addEngine(house, teller.url, 'teller', 'm');
        await request(house, 'POST', '/api/personas', { name: 'Told', slug: 'told', engine: 'teller' });
        whisper.says.push('Mm-hm.', 'Please stop talking now.', 'Yeah.');
        const rt = await Realtime.open(house, 'told', { audio: { input: { turn_detection: { type: 'semantic_vad' }, transcription: { model: 'whisper-1' } } } });
        rt.send(text('Tell me something long.'));
        rt.send({ type: 'response.create' });
        const answer = await teller.next();
        answer.say('This is the first of many sentences. Here is another one that goes on for quite a while. And a third one follows it. And the fourth');
        await rt.until(() => rt.sound().length > 48 * 2500);
        const before = rt.events.length;
        await rt.speak(Buffer.concat([silence(300), await spoken('Yeah.'), silence(2500)]), 1);
        await rt.until(() => whisper.requests.length === 1);
        await new Promise((resolve) => setTimeout(resolve, 300));
        const since = rt.events.slice(before).map((e) => e.type);
        assert.deepEqual(since.filter((t) => /^(input_audio|conversation|response\.done|error)/.test(t)), [], 'no trace of it');
        await rt.speak(Buffer.concat([await spoken('Please stop talking now.'), silence(1500)]), 1);
        const { response } = await rt.wait('response.done');
        assert.deepEqual([response.status, response.status_details.reason], ['cancelled', 'turn_detected']);
        const order = rt.events.map((e) => e.type);
        assert.ok(order.indexOf('input_audio_buffer.speech_started') < order.indexOf('response.done'));
        assert.equal((await rt.wait('input_audio_buffer.committed')).item_id, rt.all('input_audio_buffer.speech_started')[0].item_id);
        const next = await teller.next();
        assert.match(JSON.stringify(next.body.messages), /stop talking/i);
        next.say('Well?');
        next.end();
        await rt.wait('response.done', 2);
        await new Promise((resolve) => setTimeout(resolve, 1500)); // it was heard to its end
        await rt.speak(Buffer.concat([silence(300), await spoken('Yeah.'), silence(2500)]), 1);
        const last = await teller.next();
        assert.match(JSON.stringify(last.body.messages.at(-1)), /Yeah\./, 'to silence, it is an answer');
        last.end();
        await rt.wait('response.done', 3);
        await rt.close();
    } finally {
        await house.stop();
        whisper.close();
        removeFolder(house.data);
    }
});

test('mouth shapes lie on the clock of the sound, also behind the first sentence and in G.711', async () => {
    const ulaw = (byte) => {
        const b = ~byte & 255;
        const size = (((b & 15) << 3) + 132) << ((b & 112) >> 4);
        return b & 128 ? 132 - size : size - 132;
    };
    for (const [model, format, rate, read] of [
        ['told', { type: 'audio/pcm', rate: 24000 }, 24, (all) => (i) => all.readInt16LE(2 * i)],
        ['told', { type: 'audio/pcmu' }, 8, (all) => (i) => ulaw(all[i])],
        ['engine/teller', { type: 'audio/pcm', rate: 24000 }, 24, (all) => (i) => all.readInt16LE(2 * i)]
    ]) {
        const rt = await Realtime.open(server, model, { audio: { output: { format, speed: 1.2 } } });
        rt.send(text('Say it.'));
        rt.send({ type: 'response.create' });
        const answer = await teller.next();
        answer.say('Pam, Bob and Mab pumped. Poppy bumped a map. Mum and pop made a big bump. Bob may mop.');
        answer.end();
        await rt.wait('response.done');
        const all = Buffer.concat(rt.all('response.output_audio.delta').map((e) => Buffer.from(e.delta, 'base64')));
        const at = read(all);
        const count = rate === 24 ? all.length / 2 : all.length;
        const loud = (list, shift = 0) => {
            const levels = list.map((e) => {
                let [sum, n] = [0, 0];
                for (let i = Math.max(0, Math.round((e.audio_offset_ms + shift - 15) * rate)); i < Math.min(count, (e.audio_offset_ms + shift + 15) * rate); i++, n++) sum += at(i) ** 2;
                return n ? Math.sqrt(sum / n) : 0;
            });
            return levels.reduce((a, b) => a + b, 0) / levels.length;
        };
        const shapes = rt.all('response.animation_viseme.delta');
        const closed = shapes.filter((e) => e.viseme === 'PP');
        const open = shapes.filter((e) => ['aa', 'E', 'I', 'O', 'U'].includes(e.viseme));
        assert.ok(closed.length > 15 && open.length > 12, `${closed.length}, ${open.length}`);
        assert.ok(loud(closed) < 0.7 * loud(open), `${model}: closed at ${loud(closed)}, open at ${loud(open)}`);
        for (const shift of [-90, 90]) assert.ok(loud(closed) < loud(closed, shift), `${model}: quieter there than ${shift} ms off`);
        shapes.forEach((e, i) => assert.ok(i === 0 || e.audio_offset_ms >= shapes[i - 1].audio_offset_ms, 'in order'));
        let sent = 0;
        for (const e of rt.events) {
            if (e.type === 'response.output_audio.delta') sent += Buffer.from(e.delta, 'base64').length / (rate === 24 ? 48 : 8);
            if (e.type === 'response.animation_viseme.delta') assert.ok(e.audio_offset_ms >= sent - 1, 'before its sound');
        }
        assert.ok(rt.events.findIndex((e) => e.type === 'response.animation_viseme.done') > rt.events.findLastIndex((e) => e.type === 'response.animation_viseme.delta'));
        await rt.close();
    }
});
