// A provider's own realtime audio model as a persona's engine, ear and mouth, against a local server that speaks
// the documented format, well and badly.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person } from '../lib/microphone.mjs';
import { removeFolder, request, startServer } from '../lib/server.mjs';
import { spoken as voiced } from '../lib/sound.mjs';
import { listen, whole } from './lib/listener.mjs';
import { LETTER_MS, startRealtime } from './lib/realtime-server.mjs';
import { openRoom, say, settled } from './lib/talk.mjs';

const KEY = 'sk-real';
let server, partner;

async function addPartner(name, model, { key = KEY, fallback, settings = {} } = {}) {
    const provider = await request(server, 'PUT', `/api/providers/${name}`, {
        type: 'realtime', base_url: partner.url, api_key: key,
        settings: { retries: '0', connect_timeout: '1s', first_token_timeout: '1s', stream_timeout: '1s', voice: 'marin', ...settings }
    });
    assert.equal(provider.status, 200, JSON.stringify(provider.body));
    const engine = await request(server, 'PUT', `/api/engines/${name}`, { provider: name, model, ...(fallback ? { fallback: [fallback] } : {}) });
    assert.equal(engine.status, 200, JSON.stringify(engine.body));
}

async function addPersona(slug, engine) {
    const made = await request(server, 'POST', '/api/personas', { name: slug, slug, engine });
    assert.equal(made.status, 201, JSON.stringify(made.body));
}

/** A room with a persona whose engine is a partner of this model. */
async function roomWith(model, more = {}) {
    const name = more.name ?? model;
    await addPartner(name, model, more);
    await addPersona(`p-${name}`, name);
    partner.reset();
    return openRoom(server, [`p-${name}`], name);
}

const last = (events, kind) => events.filter((e) => e.kind === kind).at(-1);
const answers = (events) => events.filter((e) => e.kind === 'message' && e.author.type === 'persona').map((e) => e.data.text);
async function until(what, ms = 5000) {
    for (const end = Date.now() + ms; Date.now() < end; ) {
        const got = await what();
        if (got) return got;
        await new Promise((r) => setTimeout(r, 20));
    }
    assert.fail(`it did not come within ${ms} ms: ${what}`);
}

before(async () => {
    server = await startServer();
    partner = await startRealtime({ key: KEY });
});
after(async () => {
    await server.stop();
    await partner.close();
    removeFolder(server.data);
});

test('a turn: instructions, items, an answer, usage; the session stays and gets only what is new', async () => {
    const room = await roomWith('ok');
    await say(server, room, 'The kettle sings.');
    let events = await settled(server, room);
    assert.deepEqual(answers(events), ['You said: The kettle sings. That is all I know, and I say it gladly.'.replace('sings.', 'sings..')]);
    const ended = last(events, 'turn.ended').data;
    assert.equal(ended.outcome, 'done');
    assert.equal(ended.engine, 'ok');
    assert.equal(ended.usage.prompt_tokens, 40);
    assert.equal(ended.usage.completion_tokens, 20);
    assert.equal(ended.usage.prompt_audio_tokens, 10);
    assert.equal(ended.usage.completion_audio_tokens, 14);
    const [session] = partner.sessions;
    assert.equal(session.settings.type, 'realtime');
    assert.match(session.settings.instructions, /p-ok/);
    assert.deepEqual(session.settings.output_modalities, ['text']);
    assert.equal(session.settings.audio.output.voice, 'marin');
    assert.equal(session.settings.audio.input.turn_detection, null);
    assert.deepEqual(session.settings.audio.input.format, { type: 'audio/pcm', rate: 24000 });

    await say(server, room, 'And the cat sleeps.');
    events = await settled(server, room);
    assert.equal(answers(events).length, 2);
    assert.equal(partner.sessions.length, 1, 'one session');
    assert.equal(session.received.filter((e) => e.type === 'conversation.item.create').length, 2, 'only the two questions were sent');
    assert.deepEqual(session.texts().map((t) => t.split(':')[0]), ['user', 'assistant', 'user', 'assistant']);
});

test('what was edited, retried or forgotten opens the session anew; nobody sees it', async () => {
    const room = await roomWith('ok', { name: 'again' });
    await say(server, room, 'First.');
    await settled(server, room);
    const said = await say(server, room, 'Second.');
    let events = await settled(server, room);
    const second = events.filter((e) => e.kind === 'message').at(-1);

    const retry = await request(server, 'POST', `/api/rooms/${room}/messages/${second.data.id}/retry`, {});
    assert.ok(retry.status < 300, JSON.stringify(retry.body));
    events = await settled(server, room);
    assert.equal(answers(events).length, 3);
    assert.equal(partner.sessions.length, 2, 'a retry');
    assert.deepEqual(partner.sessions[1].texts().map((t) => t.split(':')[0]), ['user', 'assistant', 'user', 'assistant']);

    const first = events.find((e) => e.kind === 'message' && e.data.text === 'First.');
    const edited = await request(server, 'PATCH', `/api/rooms/${room}/messages/${first.data.id}`, { text: 'Zeroth.' });
    assert.ok(edited.status < 300, JSON.stringify(edited.body));
    await say(server, room, 'Third.');
    await settled(server, room);
    assert.equal(partner.sessions.length, 3, 'an edit');
    assert.equal(partner.sessions[2].texts()[0], 'user: Zeroth.');

    const gone = await request(server, 'DELETE', `/api/rooms/${room}/messages/${first.data.id}`);
    assert.ok(gone.status < 300, JSON.stringify(gone.body));
    await say(server, room, 'Fourth.');
    events = await settled(server, room);
    assert.equal(last(events, 'turn.ended').data.outcome, 'done');
    assert.ok(!partner.sessions.at(-1).texts().some((t) => t.includes('Zeroth')), partner.sessions.at(-1).texts().join(' | '));
    assert.ok(said.id);
});

test('a session that broke or expires is replaced without a word', async () => {
    let room = await roomWith('ok', { name: 'broken' });
    await say(server, room, 'One.');
    await settled(server, room);
    partner.sessions[0].socket.terminate();
    await say(server, room, 'Two.');
    let events = await settled(server, room);
    assert.equal(answers(events).length, 2);
    assert.equal(partner.sessions.length, 2);
    assert.equal(partner.sessions[1].texts().length, 4);

    room = await roomWith('short-lived');
    await say(server, room, 'One.');
    await settled(server, room);
    await say(server, room, 'Two.');
    events = await settled(server, room);
    assert.equal(answers(events).length, 2);
    assert.equal(partner.sessions.length, 2, 'a session that ends in 30 s is not given a turn');
});

test('cancel: the provider is told, and the session goes on', async () => {
    const room = await roomWith('long');
    const said = await say(server, room, 'Tell me everything.');
    await until(() => partner.sessions[0]?.items.at(-1)?.content?.length && partner.sessions[0].items.at(-1).role === 'assistant');
    const turn = (await request(server, 'GET', `/api/rooms/${room}/events?limit=50`)).body;
    const started = (turn.data ?? turn.events ?? turn).find((e) => e.kind === 'turn.started');
    const cancelled = await request(server, 'POST', `/api/rooms/${room}/turns/${started.turn}/cancel`);
    assert.ok(cancelled.status < 300, JSON.stringify(cancelled.body));
    assert.equal(last(await settled(server, room), 'turn.ended').data.outcome, 'cancelled');
    await until(() => partner.sessions[0].types().includes('response.cancel'));
    await say(server, room, 'Only this.');
    await until(() => partner.sessions[0].received.filter((e) => e.type === 'response.create').length === 2);
    assert.equal(partner.sessions.length, 1, 'the same session');
    assert.ok(partner.sessions[0].types().includes('conversation.item.delete'), 'the broken answer was taken back');
    assert.deepEqual(partner.sessions[0].texts().slice(0, 2), ['user: Tell me everything.', 'user: Only this.']);
    await request(server, 'POST', `/api/rooms/${room}/clear`, {});
    assert.ok(said.id);
});

/** Failures before the first word: the sentence, the code, and that the fallback answers. */
const failures = [
    { model: 'stall', code: 'timeout_first_token', says: /did not begin/ },
    { model: 'mute', code: 'timeout_first_token', says: /did not begin/ },
    { model: 'slow-handshake', code: 'timeout_first_token', says: /did not (begin|answer)/ },
    { model: 'hang-up', code: 'cut', says: /before its answer/ },
    { model: 'cut', code: 'cut', says: /before its answer/ },
    { model: 'malformed', code: 'malformed', says: /no event of the Realtime API/ },
    { model: 'binary', code: 'malformed', says: /no event of the Realtime API/ },
    { model: 'html', code: 'unavailable', says: /knows no model|base_url/ },
    { model: 'rate-limit', code: 'rate_limit', says: /Too many sessions/ },
    { model: 'failed', code: 'unavailable', says: /GPU is on fire/ },
    { model: 'quota', code: 'quota', says: /out of budget/ },
    { model: 'error-event', code: 'refused', says: /cannot be/ },
    { model: 'no-update', code: 'refused', says: /Unknown voice/ },
    { model: 'ok', name: 'locked', key: 'sk-wrong', code: 'auth', says: /API key was refused/ }
];
test('failures have a code and a sentence, and the fallback answers in their place', async () => {
    for (const { model, name = model, key, code, says } of failures) {
        const room = await roomWith(model, { name, key });
        await say(server, room, 'Hello there.');
        const ended = last(await settled(server, room), 'turn.ended').data;
        assert.equal(ended.outcome, 'failed', name);
        assert.equal(ended.error.code, code, `${name}: ${ended.error.message}`);
        assert.match(ended.error.message, says, name);
        assert.doesNotMatch(ended.error.message, /sk-/, name);

        const other = await roomWith(model, { name: `${name}-fb`, key, fallback: 'scripted' });
        await say(server, other, 'Hello there.');
        const events = await settled(server, other);
        assert.equal(last(events, 'turn.ended').data.outcome, 'done', name);
        assert.equal(last(events, 'turn.ended').data.engine, 'scripted', name);
        assert.ok(answers(events)[0].length > 0, name);
    }
});

test('failures after the first word are the turn\'s own', async () => {
    for (const [model, code] of [['half', 'cut'], ['half-stall', 'timeout_stream']]) {
        const room = await roomWith(model, { name: `${model}-own`, fallback: 'scripted' });
        await say(server, room, 'Go on.');
        const ended = last(await settled(server, room), 'turn.ended').data;
        assert.equal(ended.outcome, 'failed');
        assert.equal(ended.error.code, code, ended.error.message);
        assert.ok(ended.text.length > 20, 'with what was said');
    }
});

test('retries, the beta\'s names, answers without deltas, and one that is too long', async () => {
    for (const [model, finish] of [['cut-once', 'stop'], ['beta', 'stop'], ['no-deltas', 'stop'], ['limit', 'length']]) {
        const room = await roomWith(model, { settings: { retries: '1' } });
        await say(server, room, 'Well?');
        const events = await settled(server, room);
        const ended = last(events, 'turn.ended').data;
        assert.equal(ended.outcome, 'done', `${model}: ${ended.error?.message}`);
        assert.equal(ended.finish, finish, model);
        assert.match(answers(events)[0], /^You said: Well\?/, model);
    }
});

test('through the gateway: tools are called, results go back, pictures too', async () => {
    await addPartner('tooled', 'tools');
    partner.reset();
    const tools = [{ type: 'function', function: { name: 'weather', description: 'The weather.', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const asked = await request(server, 'POST', '/v1/chat/completions', { model: 'engine/tooled', messages: [{ role: 'user', content: 'How is it in Porto?' }], tools });
    assert.equal(asked.status, 200, JSON.stringify(asked.body));
    const [call] = asked.body.choices[0].message.tool_calls;
    assert.equal(asked.body.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.function.name, 'weather');
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Porto' });
    assert.deepEqual(partner.sessions[0].settings.tools, [{ type: 'function', name: 'weather', description: 'The weather.', parameters: tools[0].function.parameters }]);

    await addPartner('gate', 'ok');
    partner.reset();
    const then = await request(server, 'POST', '/v1/chat/completions', {
        model: 'engine/gate', tools,
        messages: [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: 'How is it in Porto?' },
            { role: 'assistant', content: null, tool_calls: [call] },
            { role: 'tool', tool_call_id: call.id, content: 'sunny' },
            { role: 'user', content: [{ type: 'text', text: 'And here?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }
        ]
    });
    assert.equal(then.status, 200, JSON.stringify(then.body));
    assert.match(then.body.choices[0].message.content, /And here\?/);
    const [session] = partner.sessions;
    assert.equal(session.settings.instructions, 'Be brief.');
    assert.deepEqual(session.items.slice(0, 4).map((i) => i.type), ['message', 'function_call', 'function_call_output', 'message']);
    assert.equal(session.items[1].call_id, call.id);
    assert.equal(session.items[2].output, 'sunny');
    assert.deepEqual(session.items[3].content, [{ type: 'input_text', text: 'And here?' }, { type: 'input_image', image_url: 'data:image/png;base64,AAAA' }]);
    await session.closed;
});

// ---- its own sound ----

const RATE = 24000;

/** What was told and heard of a turn's sentences, once its speech is over. */
async function spoken(listener, turn, timeout = 15000) {
    await listener.told('speech.ended', (e) => e.turn === turn && e.data.index === null, timeout);
    const captions = new Map(listener.of('caption').filter((e) => e.turn === turn).map((e) => [e.data.index, e.data]));
    return [...captions.values()].map((c) => ({ ...c, ...whole(listener.sound, turn, c.index) }));
}

test('its own sound: cut into sentences with captions, kept, and no other voice', async () => {
    const room = await roomWith('ok', { name: 'aloud' });
    const listener = await listen(server, room);
    await say(server, room, 'One thing. Then another thing, a little longer than that! And a third');
    const events = await settled(server, room);
    const turn = last(events, 'turn.started').turn;
    const sentences = await spoken(listener, turn);
    assert.ok(sentences.length >= 2, `${sentences.length} sentences`);
    /* every letter takes LETTER_MS, and every sentence's end 250 ms more */
    const lasts = (text) => (text.replace(/\s/g, '').length * RATE * LETTER_MS) / 1000 + ((text.match(/[.!?]+(\s|$)/g) ?? []).length * RATE) / 4;
    const samples = sentences.reduce((n, s) => n + s.samples, 0);
    assert.equal(samples, lasts(answers(events)[0]), 'all of the provider\'s sound, and only that');
    for (const s of sentences) {
        assert.equal(s.rate, RATE);
        assert.ok(s.samples > 0, s.text);
        assert.ok(Math.abs(s.samples - lasts(s.text)) <= RATE / 10, `'${s.text}': ${s.samples} of ${lasts(s.text)}`);
    }
    assert.equal(sentences.map((s) => s.text).join(' ').replace(/\s+/g, ' ').trim(), answers(events)[0]);
    assert.deepEqual(partner.sessions[0].settings.output_modalities, ['audio']);
    for (const s of sentences) {
        const keys = listener.of('visemes').filter((e) => e.turn === turn && e.data.index === s.index).flatMap((e) => e.data.frames);
        assert.ok(keys.length > 5, `'${s.text}': ${keys.length} keys`);
        const ms = (s.samples * 1000) / RATE;
        keys.forEach((k, i) => assert.ok(k.at_ms <= ms + 50 && (i === 0 || k.at_ms >= keys[i - 1].at_ms), `a key at ${k.at_ms} of ${ms}`));
        assert.ok(s.words.length > 0, 'words with their times');
    }
    const kept = await until(async () => {
        const all = (await settled(server, room)).filter((e) => e.kind === 'speech');
        return all.length === sentences.length && all;
    });
    const blob = await fetch(`${server.url}/api/media/${kept[0].data.media}`);
    assert.equal(blob.status, 200);
    await listener.close();
});

test('a fallback without sound of its own is spoken by the persona\'s voice', async () => {
    const room = await roomWith('cut', { name: 'aloud-fb', fallback: 'scripted' });
    const listener = await listen(server, room);
    await say(server, room, 'Hello there.');
    const turn = last(await settled(server, room), 'turn.started').turn;
    assert.ok((await spoken(listener, turn)).every((s) => s.samples > 0 && s.rate !== RATE));
    await listener.close();
});

test('an interruption is told to the provider: what was not heard is cut from its item', async () => {
    const room = await roomWith('ok', { name: 'stopped' });
    const listener = await listen(server, room);
    await say(server, room, 'Tell me a long story about a ship and the sea and the wind and the stars above it.');
    const turn = last(await settled(server, room), 'turn.started').turn;
    await until(() => listener.sound.length > 2);
    listener.send({ type: 'interrupt', room, turn, index: 0, ms: 900 });
    await until(() => partner.sessions[0].types().includes('conversation.item.truncate'));
    const [cut] = partner.sessions[0].received.filter((e) => e.type === 'conversation.item.truncate');
    assert.equal(cut.audio_end_ms, 900);
    assert.equal(cut.content_index, 0);
    assert.equal(partner.sessions[0].items.at(-1).truncated, 900);
    const heard = await until(async () => last(await settled(server, room), 'message.heard'));
    assert.ok(heard.data.text.length > 0);
    await say(server, room, 'Never mind.');
    await settled(server, room);
    await until(() => partner.sessions.at(-1).texts().some((t) => t === 'user: Never mind.'));
    assert.equal(partner.sessions.length, 1, 'the session went on');
    await listener.close();
});

// ---- its own ear ----

test('what was said by voice goes to it as it sounded; what it understood comes back', async () => {
    const room = await roomWith('ok', { name: 'ear' });
    const person = await Person.join(server, room);
    const voice = await voiced(server, 'Good morning, how are you today?', 'flite/rms');
    person.silence(300);
    await person.say(voice);
    person.silence(2500);
    await until(() => partner.sessions[0]?.heardBytes, 20000);
    const events = await until(async () => {
        const all = await settled(server, room);
        return last(all, 'turn.ended') && all;
    });
    const [session] = partner.sessions;
    const ms = (session.heardBytes / 2 / RATE) * 1000;
    assert.ok(ms > 800 && ms < 5000, `${ms} ms of sound`);
    assert.equal(session.items[0].content[0].type, 'input_audio');
    assert.match(answers(events)[0], /what the provider heard/);
    assert.equal(last(events, 'turn.ended').data.heard, 'what the provider heard');
    await person.leave();

    /* An ear that refuses gets the text. */
    const deaf = await roomWith('deaf', { name: 'deaf' });
    const other = await Person.join(server, deaf);
    other.silence(300);
    await other.say(voice);
    other.silence(2500);
    const said = await until(async () => {
        const all = await settled(server, deaf);
        return last(all, 'turn.ended') && all;
    }, 20000);
    assert.equal(last(said, 'turn.ended').data.outcome, 'done', JSON.stringify(last(said, 'turn.ended').data.error));
    assert.equal(partner.sessions[0].items[0].content[0].type, 'input_text');
    await other.leave();
});

// ---- Eidolon and Eidolon ----

test('a persona of this house with a persona of another as its model', async () => {
    const other = await startServer();
    try {
        const provider = await request(server, 'PUT', '/api/providers/neighbour', { type: 'realtime', base_url: `${other.url}/v1`, settings: { retries: '0' } });
        assert.equal(provider.status, 200, JSON.stringify(provider.body));
        assert.equal((await request(server, 'PUT', '/api/engines/neighbour', { provider: 'neighbour', model: 'mia' })).status, 200);
        await addPersona('p-neighbour', 'neighbour');
        const room = await openRoom(server, ['p-neighbour'], 'across the street');
        const listener = await listen(server, room);
        for (const [n, text] of ['Hello, who are you?', 'And what do you like?'].entries()) {
            await say(server, room, text);
            const events = await settled(server, room);
            assert.equal(last(events, 'turn.ended').data.outcome, 'done', JSON.stringify(last(events, 'turn.ended').data.error));
            assert.equal(answers(events).length, n + 1);
            const sentences = await spoken(listener, last(events, 'turn.started').turn, 60000);
            assert.ok(sentences.length > 0 && sentences.every((s) => s.samples > 0));
            assert.ok(sentences.some((s) => s.rate === RATE), 'its own sound');
        }
        await listener.close();
    } finally {
        await other.stop();
        removeFolder(other.data);
    }
});
