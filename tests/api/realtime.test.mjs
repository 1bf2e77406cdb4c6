// /v1/realtime, by OpenAI's own client and event by event: text, sound, turns, cancel, truncate, tools, secrets, errors.
// Every session's events go through a small state machine (lib/realtime.mjs) that knows their order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { allEvents, makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startTeller } from './lib/listener.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { Realtime, silence, text, to24k, wav } from './lib/realtime.mjs';
import { addEngine } from './lib/talk.mjs';

const HUMAN = '/usr/share/asterisk/sounds/en_US_f_Allison/pbx-invalid.wav';
let server, models, teller;
before(async () => {
    server = await startServer();
    models = await startOpenAI();
    teller = await startTeller();
    await addEngine(server, models.url, 'tools', 'tools');
    await addEngine(server, models.url, 'echo', 'echo');
    await addEngine(server, models.url, 'quota', 'quota', { settings: { retries: '0' } });
    await addEngine(server, teller.url, 'teller', 'm');
    await request(server, 'PUT', '/api/config', { 'engine.default': 'scripted' });
    await request(server, 'POST', '/api/personas', { name: 'Tooled', slug: 'tooled', engine: 'tools' });
    await request(server, 'POST', '/api/personas', { name: 'Told', slug: 'told', engine: 'teller' });
    await request(server, 'POST', '/api/personas', { name: 'Broken', slug: 'broken', engine: 'quota' });
});
after(async () => {
    await server.stop();
    await models.close();
    teller.close();
    removeFolder(server.data);
});

/** The only room with this persona that a session made since the last call. */
const seen = new Set();
async function newRoom() {
    const rooms = (await request(server, 'GET', '/api/rooms')).body.data.filter((r) => !seen.has(r.id));
    for (const room of rooms) seen.add(room.id);
    assert.equal(rooms.length, 1, 'one session, one room');
    return rooms[0].id;
}
const kinds = (events) => events.map((e) => e.kind);

test('a session of text: items become messages, an answer comes in pieces', async () => {
    const rt = await Realtime.open(server, 'mia');
    const { session } = await rt.wait('session.created');
    assert.equal(session.model, 'mia');
    assert.deepEqual(session.output_modalities, ['audio']);
    assert.equal(session.audio.input.turn_detection.type, 'server_vad');
    rt.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
    rt.send(text('Hello, my name is Ana.'));
    rt.send({ type: 'response.create' });
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'completed');
    assert.equal(response.output[0].content[0].text, rt.joined('response.output_text.delta'));
    assert.ok(response.usage.output_tokens > 0 && response.usage.total_tokens > response.usage.output_tokens);
    const events = await allEvents(server, await newRoom());
    assert.deepEqual(kinds(events).filter((k) => /message|turn/.test(k)), ['message', 'turn.started', 'message', 'turn.ended']);
    assert.equal(events.find((e) => e.kind === 'message').data.text, 'Hello, my name is Ana.');
    rt.send({ type: 'conversation.item.retrieve', item_id: response.output[0].id });
    const { item } = await rt.wait('conversation.item.retrieved');
    assert.deepEqual(item, response.output[0]);
    await rt.close();
});

test('what was said before a session is remembered in the next', async () => {
    for (const [said, pattern] of [['My sister Eva lives in Porto.', /./], ['Where does my sister live?', /Porto/]]) {
        const rt = await Realtime.open(server, 'lyra', { output_modalities: ['text'] });
        rt.send(text(said));
        rt.send({ type: 'response.create' });
        const { response } = await rt.wait('response.done');
        assert.match(response.output[0].content[0].text, pattern);
        await newRoom();
        await rt.close();
    }
});

test('an answer by voice: transcript, sound at 24 kHz in pieces of 100 ms, mouth shapes within it', async () => {
    const rt = await Realtime.open(server, 'mia');
    rt.send(text('Good evening!'));
    rt.send({ type: 'response.create' });
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'completed');
    const part = response.output[0].content[0];
    assert.equal(part.type, 'output_audio');
    assert.equal(part.transcript, rt.joined('response.output_audio_transcript.delta'));
    const sound = rt.sound();
    assert.ok(sound.length / 48 > 500, `${sound.length / 48} ms`);
    for (const e of rt.all('response.output_audio.delta')) assert.ok(Buffer.from(e.delta, 'base64').length <= 4800);
    const shapes = rt.all('response.animation_viseme.delta');
    assert.ok(shapes.length > 5);
    for (const s of shapes) assert.ok(s.audio_offset_ms <= sound.length / 48 + 100 && s.viseme_id >= 0 && s.viseme_id < 15);
    assert.ok(sound.some((b) => b !== 0), 'it is not silence');
    await newRoom();
    await rt.close();
});

test('G.711 goes out as it is asked for', async () => {
    const rt = await Realtime.open(server, 'mia', { audio: { output: { format: { type: 'audio/pcmu' } } } });
    rt.send(text('Hello!'));
    rt.send({ type: 'response.create' });
    await rt.wait('response.done');
    const bytes = Buffer.concat(rt.all('response.output_audio.delta').map((e) => Buffer.from(e.delta, 'base64')));
    for (const e of rt.all('response.output_audio.delta')) assert.ok(Buffer.from(e.delta, 'base64').length <= 800);
    assert.ok(bytes.length / 8 > 300);
    const errors = await rt.errorsOf({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'alloy' } } } });
    assert.equal(errors.code, 'cannot_update_voice');
    await newRoom();
    await rt.close();
});

test('cancel in the middle of a text', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'] });
    rt.send(text('Tell me something long.'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    answer.say('Once upon a time ');
    await rt.wait('response.output_text.delta');
    const busy = await rt.errorsOf({ type: 'response.create' });
    assert.equal(busy.code, 'conversation_already_has_active_response');
    rt.send({ type: 'response.cancel' });
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'cancelled');
    assert.deepEqual(response.status_details, { type: 'cancelled', reason: 'client_cancelled' });
    assert.equal(response.output[0].status, 'incomplete');
    await answer.closed;
    await newRoom();
    await rt.close();
});

test('cancel and truncate in the middle of a voice: the log says what was heard', async () => {
    const rt = await Realtime.open(server, 'told');
    rt.send(text('Tell me something long.'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    answer.say('The first sentence is rather short. The second sentence is a good deal longer than the first one was. And a third');
    await rt.until(() => rt.sound().length > 48 * 3000);
    rt.send({ type: 'response.cancel' });
    const { response } = await rt.wait('response.done');
    assert.equal(response.status_details.reason, 'client_cancelled');
    const item = response.output[0].id;
    const far = await rt.errorsOf({ type: 'conversation.item.truncate', item_id: item, content_index: 0, audio_end_ms: 999999 });
    assert.equal(far.param, 'audio_end_ms');
    rt.send({ type: 'conversation.item.truncate', item_id: item, content_index: 0, audio_end_ms: 1200 });
    const cut = await rt.wait('conversation.item.truncated');
    assert.equal(cut.audio_end_ms, 1200);
    rt.send({ type: 'conversation.item.retrieve', item_id: item });
    const heard = (await rt.wait('conversation.item.retrieved')).item.content[0].transcript;
    assert.match(heard, /^The first/);
    assert.doesNotMatch(heard, /longer/);
    const events = await allEvents(server, await newRoom());
    const told = events.find((e) => e.kind === 'message.heard');
    assert.equal(told.data.text, heard);
    assert.equal(told.data.of, events.find((e) => e.kind === 'message' && e.author.type === 'persona').data.id);
    await answer.closed;
    await rt.close();
});

test('tools: a call in pieces, its output, the answer', async () => {
    const rt = await Realtime.open(server, 'tooled', {
        output_modalities: ['text'],
        tools: [{ type: 'function', name: 'weather', description: 'The weather.', parameters: { type: 'object', properties: { city: { type: 'string' } } } }]
    });
    rt.send(text('What is the weather in Paris?'));
    rt.send({ type: 'response.create' });
    const { response } = await rt.wait('response.done');
    const call = response.output[0];
    assert.deepEqual([call.type, call.name, call.arguments, call.status], ['function_call', 'weather', '{"city":"Paris"}', 'completed']);
    assert.equal(rt.joined('response.function_call_arguments.delta'), call.arguments);
    const asked = models.requests.at(-1).body;
    assert.equal(asked.tools[0].function.name, 'weather');
    assert.equal((await rt.errorsOf({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'none', output: 'x' } })).param, 'item.call_id');
    rt.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: '{"sky":"blue"}' } });
    rt.send({ type: 'response.create', response: { tool_choice: 'none' } });
    await rt.wait('response.done', 2);
    const again = models.requests.at(-1).body.messages;
    const tool = again.findIndex((m) => m.role === 'tool');
    assert.equal(again[tool].content, '{"sky":"blue"}');
    assert.equal(again[tool].tool_call_id, call.call_id);
    assert.equal(again[tool - 1].tool_calls[0].function.arguments, '{"city":"Paris"}');
    assert.equal(models.requests.at(-1).body.tool_choice, 'none');
    await newRoom();
    await rt.close();
});

test('instructions reach the engine, and a failure is told', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'], instructions: 'Speak like a pirate.' });
    rt.send(text('Hello!'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    assert.match(JSON.stringify(answer.body.messages), /Speak like a pirate/);
    answer.say('Arr.');
    answer.end();
    await rt.wait('response.done');
    await newRoom();
    await rt.close();
    const broken = await Realtime.open(server, 'broken', { output_modalities: ['text'] });
    broken.send(text('Hello!'));
    broken.send({ type: 'response.create' });
    const { response } = await broken.wait('response.done');
    assert.equal(response.status, 'failed');
    assert.equal(response.status_details.error.code, 'quota');
    await newRoom();
    await broken.close();
});

test('outside the conversation: beside it, with its own input, and no trace of it', async () => {
    const rt = await Realtime.open(server, 'mia', { output_modalities: ['text'] });
    rt.send({ type: 'response.create', response: { conversation: 'none', metadata: { topic: 'side' }, input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello there!' }] }] } });
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'completed');
    assert.equal(response.conversation_id, null);
    assert.deepEqual(response.metadata, { topic: 'side' });
    assert.ok(response.output[0].content[0].text.length > 0);
    assert.equal(rt.all('conversation.item.added').length, 0);
    assert.equal((await request(server, 'GET', '/api/rooms')).body.data.filter((r) => !seen.has(r.id)).length, 0, 'no room');
    await rt.close();
});

test('an engine as the model, by its own voice', async () => {
    const rt = await Realtime.open(server, 'engine/echo');
    rt.send(text('One two three, this is a sentence.'));
    rt.send({ type: 'response.create' });
    const { response } = await rt.wait('response.done');
    assert.equal(response.output[0].content[0].transcript, 'One two three, this is a sentence.');
    assert.ok(rt.sound().length / 48 > 800);
    rt.send({ type: 'conversation.item.truncate', item_id: response.output[0].id, content_index: 0, audio_end_ms: 500 });
    await rt.wait('conversation.item.truncated');
    await rt.close();
});

test('items: places, deletion, history in the persona\'s name', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'] });
    rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'It is raining.' }] } });
    rt.send({ ...text('I like tea.'), item: { ...text('I like tea.').item, id: 'tea' } });
    rt.send({ type: 'conversation.item.create', previous_item_id: 'tea', item: { id: 'mine', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'So do I.' }] } });
    await rt.until(() => rt.all('conversation.item.done').length === 3);
    assert.equal(rt.all('conversation.item.added')[2].previous_item_id, 'tea');
    for (const [event, code] of [
        [{ type: 'conversation.item.create', previous_item_id: 'nobody', item: text('x').item }, 'item_create_invalid_previous_item_id'],
        [{ type: 'conversation.item.create', item: { ...text('x').item, id: 'tea' } }, 'item_already_exists'],
        [{ type: 'conversation.item.delete', item_id: 'nobody' }, 'item_delete_invalid_item_id'],
        [{ type: 'conversation.item.retrieve', item_id: 'nobody' }, 'item_retrieve_invalid_item_id'],
        [{ type: 'conversation.item.truncate', item_id: 'nobody', content_index: 0, audio_end_ms: 0 }, 'item_truncate_invalid_item_id'],
        [{ type: 'conversation.item.truncate', item_id: 'mine', content_index: 0, audio_end_ms: 0 }, 'unsupported_content_type']
    ])
        assert.equal((await rt.errorsOf(event)).code, code, JSON.stringify(event));
    rt.send({ type: 'conversation.item.delete', item_id: 'tea' });
    await rt.wait('conversation.item.deleted');
    rt.send(text('What now?'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    const prompt = JSON.stringify(answer.body.messages);
    assert.match(prompt, /It is raining/);
    assert.match(prompt, /So do I/);
    assert.doesNotMatch(prompt, /I like tea/);
    answer.say('Nothing.');
    answer.end();
    await rt.wait('response.done');
    const events = await allEvents(server, await newRoom());
    assert.equal(events.filter((e) => e.kind === 'message.deleted').length, 1);
    await rt.close();
});

test('errors name the event they answer, and the session goes on', async () => {
    const rt = await Realtime.open(server, 'mia', { output_modalities: ['text'] });
    const item = (content, more = {}) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content, ...more } });
    for (const [event, code, param] of [
        [{ type: 'nonsense' }, 'invalid_value', 'type'],
        [{}, 'missing_required_parameter', 'type'],
        [{ type: 'response.cancel' }, 'response_cancel_not_active', null],
        [{ type: 'session.update' }, 'missing_required_parameter', 'session'],
        [{ type: 'session.update', session: { type: 'transcription' } }, 'invalid_value', 'session.type'],
        [{ type: 'session.update', session: { type: 'realtime', nonsense: 1 } }, 'unknown_parameter', 'session.nonsense'],
        [{ type: 'session.update', session: { type: 'realtime', output_modalities: ['text', 'audio'] } }, 'invalid_value', 'session.output_modalities'],
        [{ type: 'session.update', session: { type: 'realtime', max_output_tokens: 0 } }, 'invalid_value', 'session.max_output_tokens'],
        [{ type: 'session.update', session: { type: 'realtime', audio: { input: { format: { type: 'audio/mp3' } } } } }, 'invalid_value', 'session.audio.input.format'],
        [{ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', threshold: 2 } } } } }, 'invalid_value', 'session.audio.input.turn_detection.threshold'],
        [{ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'nobody at all' } } } }, 'invalid_value', 'session.audio.output.voice'],
        [{ type: 'session.update', session: { type: 'realtime', tools: [{ type: 'mcp', server_label: 'x' }] } }, 'unsupported_tool', 'session.tools'],
        [{ type: 'conversation.item.create' }, 'missing_required_parameter', 'item'],
        [item([]), 'missing_required_parameter', 'item.content'],
        [item([{ type: 'input_text', text: ' ' }]), 'invalid_value', 'item.content'],
        [item([{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }]), 'unsupported_content_type', 'item.content'],
        [item([{ type: 'input_audio', audio: '!!!' }]), 'invalid_value', 'item.content.audio'],
        [item([{ type: 'input_text', text: 'x' }], { role: 'king' }), 'invalid_value', 'item.role'],
        [{ type: 'input_audio_buffer.commit' }, 'input_audio_buffer_commit_empty', null],
        [{ type: 'input_audio_buffer.append' }, 'missing_required_parameter', 'audio'],
        [{ type: 'input_audio_buffer.append', audio: '!!!' }, 'invalid_value', 'audio'],
        [{ type: 'input_audio_buffer.append', audio: Buffer.alloc(16 << 20).toString('base64') }, 'invalid_value', 'audio'],
        [{ type: 'response.create', response: { conversation: 'other' } }, 'invalid_value', 'response.conversation']
    ]) {
        const error = await rt.errorsOf(event);
        assert.equal(error.code, code, JSON.stringify(event).slice(0, 200) + JSON.stringify(error));
        assert.equal(error.param, param, JSON.stringify(event).slice(0, 200));
        assert.match(error.message, /[.!]$/);
    }
    rt.raw('{"type":');
    await rt.until(() => rt.all('error').some((e) => e.error.code === 'invalid_json'));
    rt.raw(Buffer.from([1, 2, 3]));
    await rt.until(() => rt.all('error').some((e) => /binary|text messages/.test(e.error.message)));
    rt.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Be brief.' } });
    assert.equal((await rt.wait('session.updated', 2)).session.instructions, 'Be brief.');
    await rt.close();
});

test('an unknown model, and none, are told before the socket closes', async () => {
    for (const [model, code] of [['nobody-here', 'model_not_found'], ['engine/none', 'model_not_found'], ['', 'missing_model']]) {
        const rt = await Realtime.open(server, model, null);
        assert.equal((await rt.wait('error')).error.code, code);
        assert.equal(await rt.closed, 1008);
    }
});

test('client secrets: for a page, for some minutes, for this session', async () => {
    const made = await request(server, 'POST', '/v1/realtime/client_secrets', {
        expires_after: { anchor: 'created_at', seconds: 10 },
        session: { type: 'realtime', model: 'mia', instructions: 'Whisper.', output_modalities: ['text'] }
    });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.match(made.body.value, /^ek_/);
    assert.ok(made.body.expires_at - Date.now() / 1000 <= 10);
    assert.equal(made.body.session.instructions, 'Whisper.');
    const rt = await Realtime.open(server, '', null, { protocols: ['realtime', `openai-insecure-api-key.${made.body.value}`], headers: { origin: 'https://elsewhere.example' } });
    const { session } = await rt.wait('session.created');
    assert.deepEqual([session.model, session.instructions, session.output_modalities], ['mia', 'Whisper.', ['text']]);
    assert.equal(rt.socket.protocol, 'realtime');
    await rt.close();
    assert.equal(await Realtime.refusal(server, 'mia', { headers: { authorization: 'Bearer ek_none' } }), 401);
    assert.equal(await Realtime.refusal(server, 'mia', { headers: { origin: 'https://elsewhere.example' } }), 403);
    assert.equal((await request(server, 'POST', '/v1/realtime/client_secrets', { expires_after: { seconds: 5 } })).status, 400);
    assert.equal((await request(server, 'POST', '/v1/realtime/client_secrets', { session: { nonsense: 1 } })).status, 400);
});

test('a session that is closed cancels its answer; one that is too long ends', async () => {
    const short = await startServer({ args: ['--realtime.session_max=1s', `--server.token=a-long-enough-token-for-tests`] });
    try {
        const rt = await Realtime.open(short, 'mia', null);
        const begun = Date.now();
        assert.equal((await rt.wait('error')).error.code, 'session_expired');
        assert.ok(Date.now() - begun < 3000);
        assert.equal(await rt.closed, 1001);
    } finally {
        await short.stop();
        removeFolder(short.data);
    }
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'] });
    rt.send(text('Go on.'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    answer.say('On and on ');
    await rt.wait('response.output_text.delta');
    rt.socket.terminate();
    await answer.closed;
    await newRoom();
});

test('OpenAI\'s own client, over TLS', async () => {
    const folder = makeFolder();
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    const secure = await startServer({ args: [`--net.tls_cert=${cert}`, `--net.tls_key=${key}`] });
    try {
        const client = new OpenAI({ baseURL: `${secure.url}/v1`, apiKey: 'none' });
        const rt = new OpenAIRealtimeWS({ model: 'mia', options: { ca: readFileSync(cert) } }, client);
        const parts = [];
        const done = new Promise((resolve, reject) => {
            rt.on('error', reject);
            rt.on('session.created', () => {
                rt.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
                rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello!' }] } });
                rt.send({ type: 'response.create' });
            });
            rt.on('response.output_text.delta', (e) => parts.push(e.delta));
            rt.on('response.done', resolve);
        });
        const { response } = await done;
        assert.equal(response.status, 'completed');
        assert.equal(response.output[0].content[0].text, parts.join(''));
        rt.close();
        const secret = await client.realtime.clientSecrets.create({ session: { type: 'realtime', model: 'mia' } });
        assert.match(secret.value, /^ek_/);
        assert.equal(secret.session.type, 'realtime');
    } finally {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
        await secure.stop();
        removeFolder(secure.data);
        removeFolder(folder);
    }
});

test('hands free: a human is heard, answered aloud, and the log says it was spoken', async () => {
    const rt = await Realtime.open(server, 'mia', { audio: { input: { transcription: { model: 'whisper-1', language: 'en' } } } });
    await rt.speak(Buffer.concat([silence(600), to24k(wav(HUMAN)), silence(1500)]), 0.5);
    const started = await rt.wait('input_audio_buffer.speech_started');
    assert.ok(started.audio_start_ms > 100 && started.audio_start_ms < 900, `${started.audio_start_ms}`);
    const committed = await rt.wait('input_audio_buffer.committed');
    assert.equal(committed.item_id, started.item_id);
    const heard = await rt.wait('conversation.item.input_audio_transcription.completed');
    assert.match(heard.transcript, /try again/i); // of "I am sorry, that's not a valid extension. Please try again."
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'completed');
    assert.ok(rt.sound().length > 48 * 300);
    const events = await allEvents(server, await newRoom());
    const message = events.find((e) => e.kind === 'message' && e.author.type === 'user');
    assert.equal(message.data.text, heard.transcript);
    assert.ok(message.data.spoken.duration_ms > 200);
    await rt.close();
});

/** A sentence in flite's voice, as 24 kHz PCM. */
async function spoken(words, voice = 'flite/rms') {
    const answer = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: words, voice, format: 'wav' }) });
    return to24k(wav(Buffer.from(await answer.arrayBuffer())));
}

test('turns by hand: commit, item with sound, clear', async () => {
    const rt = await Realtime.open(server, 'told', { output_modalities: ['text'], audio: { input: { turn_detection: null, transcription: {} } } });
    const sound = await spoken('Good morning, how are you today?');
    await rt.speak(sound);
    rt.send({ type: 'input_audio_buffer.clear' });
    await rt.wait('input_audio_buffer.cleared');
    assert.equal((await rt.errorsOf({ type: 'input_audio_buffer.commit' })).code, 'input_audio_buffer_commit_empty');
    await rt.speak(sound);
    rt.send({ type: 'input_audio_buffer.commit' });
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    const { transcript } = await rt.wait('conversation.item.input_audio_transcription.completed');
    assert.match(transcript, /morning/i);
    assert.ok(JSON.stringify(answer.body.messages).includes(transcript), 'the answer waited for the text');
    answer.say('Fine.');
    answer.end();
    await rt.wait('response.done');
    assert.equal(rt.all('input_audio_buffer.speech_started').length, 0);
    rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: sound.toString('base64') }] } });
    const second = await rt.wait('conversation.item.input_audio_transcription.completed', 2);
    assert.match(second.transcript, /morning/i);
    await newRoom();
    await rt.close();
});

test('silence is no turn, whoever waits', async () => {
    const rt = await Realtime.open(server, 'mia');
    await rt.speak(silence(3000));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual(rt.events.map((e) => e.type), ['session.created']);
    await rt.close();
});

test('speech interrupts the answer; the log says what was heard of it', async () => {
    const rt = await Realtime.open(server, 'told');
    rt.send(text('Tell me something long.'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    answer.say('This is the first of many sentences. Here is another one that goes on for quite a while. And a third one follows it. And the fourth');
    await rt.until(() => rt.sound().length > 48 * 2500);
    await new Promise((resolve) => setTimeout(resolve, 2000)); // the client plays
    await rt.speak(Buffer.concat([await spoken('Please stop talking now.'), silence(1500)]), 1);
    const { response } = await rt.wait('response.done');
    assert.equal(response.status, 'cancelled');
    assert.equal(response.status_details.reason, 'turn_detected');
    const next = await teller.next();
    assert.match(JSON.stringify(next.body.messages), /stop talking/i);
    next.say('All right.');
    next.end();
    assert.equal((await rt.wait('response.done', 2)).response.status, 'completed');
    const events = await allEvents(server, await newRoom());
    const heard = events.find((e) => e.kind === 'message.heard');
    assert.match(heard.data.text, /^This is the first/);
    assert.doesNotMatch(heard.data.text, /fourth/);
    await rt.close();
});
