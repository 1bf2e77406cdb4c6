// /v1/realtime by OpenAI's own client (`openai`, OpenAIRealtimeWS) over TLS, as its users write it: a conversation with tools,
// by voice in and out, an interruption, secrets for pages, errors; and the events that only come when something is wrong.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { makeFolder, removeFolder, request, startServer } from '../lib/server.mjs';
import { startTeller } from './lib/listener.mjs';
import { startOpenAI } from './lib/openai-server.mjs';
import { Realtime, silence, text, to24k, wav } from './lib/realtime.mjs';
import { addEngine } from './lib/talk.mjs';
import { startWhisper } from './lib/whisper-server.mjs';

const folder = makeFolder();
let server, models, teller, whisper, ca, client;
const ears = (model) => ['--ear.chain=certain', '--speech.certain.type=openai', `--speech.certain.base_url=${whisper.url}/v1`, `--speech.certain.ear_model=${model}`, '--speech.certain.api_key=k'];
before(async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    ca = readFileSync(cert);
    [models, teller, whisper] = await Promise.all([startOpenAI(), startTeller(), startWhisper()]);
    server = await startServer({ args: [`--net.tls_cert=${cert}`, `--net.tls_key=${key}`, ...ears('whisper-1')] });
    await addEngine(server, models.url, 'tools', 'tools');
    await addEngine(server, teller.url, 'teller', 'm');
    await request(server, 'POST', '/api/personas', { name: 'Tooled', slug: 'tooled', engine: 'tools' });
    await request(server, 'POST', '/api/personas', { name: 'Told', slug: 'told', engine: 'teller' });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
});
after(async () => {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    await server.stop();
    await models.close();
    teller.close();
    whisper.close();
    removeFolder(server.data);
    removeFolder(folder);
});

/** A session of the client: `seen` is every event, `next(type)` the next of its type that nobody has had. */
async function open(model, from = client) {
    const rt = new OpenAIRealtimeWS({ model, options: { ca } }, from);
    const seen = [];
    const waiting = [];
    const had = new Set();
    const look = () => {
        for (const [i, { type, resolve }] of waiting.entries()) {
            const event = seen.find((e) => e.type === type && !had.has(e));
            if (!event) continue;
            had.add(event);
            waiting.splice(i, 1);
            resolve(event);
            return look();
        }
    };
    rt.on('event', (event) => (seen.push(event), look()));
    const errors = [];
    rt.on('error', (error) => errors.push(error));
    const next = (type, ms = 20000) =>
        new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error(`no ${type} within ${ms} ms; came: ${seen.map((e) => e.type).slice(-20)}`)), ms);
            waiting.push({ type, resolve: (event) => (clearTimeout(late), resolve(event)) });
            look();
        });
    await next('session.created');
    return { rt, seen, errors, next, close: () => new Promise((resolve) => (rt.socket.once('close', resolve), rt.close())) };
}
const said = (words) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: words }] } });

test('a tool is called, its result answered, as the client has it', async () => {
    const s = await open('tooled');
    s.rt.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], tool_choice: 'auto', tools: [{ type: 'function', name: 'weather', description: 'The weather.', parameters: { type: 'object', properties: { city: { type: 'string' } } } }] } });
    assert.equal((await s.next('session.updated')).session.tools[0].name, 'weather');
    s.rt.send(said('How is it in Paris?'));
    s.rt.send({ type: 'response.create' });
    const call = await s.next('response.function_call_arguments.done');
    assert.deepEqual([call.arguments, call.output_index], ['{"city":"Paris"}', 0]);
    const { response } = await s.next('response.done');
    assert.equal(response.output[0].call_id, call.call_id);
    assert.ok(s.seen.some((e) => e.type === 'rate_limits.updated' && Array.isArray(e.rate_limits)));
    s.rt.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: '{"sky":"blue"}' } });
    s.rt.send({ type: 'response.create', response: { tool_choice: 'none' } });
    const answer = await s.next('response.done');
    assert.equal(answer.response.status, 'completed');
    assert.deepEqual(models.requests.at(-1).body.messages.filter((m) => m.role === 'tool').map((m) => m.content), ['{"sky":"blue"}']);
    assert.deepEqual(s.errors, []);
    await s.close();
});

test('by voice in G.711, answered aloud, interrupted, truncated; then a text is asked for', async () => {
    whisper.says.push('Good morning.', 'Stop it, please.');
    const s = await open('told');
    const ulaw = (pcm) => Buffer.from(Array.from({ length: pcm.length / 6 }, (_, i) => encodeUlaw(pcm.readInt16LE(6 * i))));
    s.rt.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcmu' }, transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad' } }, output: { format: { type: 'audio/pcmu' }, voice: 'marin' } } } });
    await s.next('session.updated');
    const speak = async (words) => {
        const answer = await fetch(`${server.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: words, voice: 'flite/rms', format: 'wav' }) });
        const sound = ulaw(Buffer.concat([silence(400), to24k(wav(Buffer.from(await answer.arrayBuffer()))), silence(1200)]));
        for (let at = 0; at < sound.length; at += 320) {
            s.rt.send({ type: 'input_audio_buffer.append', audio: sound.subarray(at, at + 320).toString('base64') });
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    };
    await speak('Good morning.');
    const started = await s.next('input_audio_buffer.speech_started');
    const stopped = await s.next('input_audio_buffer.speech_stopped');
    assert.ok(stopped.audio_end_ms > started.audio_start_ms);
    assert.equal((await s.next('conversation.item.input_audio_transcription.completed')).transcript, 'Good morning.');
    const answer = await teller.next();
    answer.say('This is the first of many sentences. Here is another one that goes on for quite a while. And');
    const first = await s.next('response.output_audio.delta');
    assert.equal(Buffer.from(first.delta, 'base64').length, 800, '100 ms of G.711');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await speak('Stop it, please.');
    const { response } = await s.next('response.done');
    assert.deepEqual([response.status, response.status_details.reason], ['cancelled', 'turn_detected']);
    s.rt.send({ type: 'conversation.item.truncate', item_id: response.output[0].id, content_index: 0, audio_end_ms: 700 });
    assert.equal((await s.next('conversation.item.truncated')).audio_end_ms, 700);
    s.rt.send({ type: 'conversation.item.truncate', item_id: response.output[0].id, content_index: 0, audio_end_ms: 90000 });
    const error = await s.next('error');
    assert.match(error.error.message, /already shorter than 90000ms/);
    assert.equal(s.errors[0].error.code, 'invalid_value');
    (await teller.next()).end();
    await s.next('response.done');
    s.rt.send({ type: 'response.create', response: { output_modalities: ['text'], instructions: 'In writing.' } });
    const written = await teller.next();
    written.say('In writing, then.');
    written.end();
    assert.equal((await s.next('response.output_text.done')).text, 'In writing, then.');
    await s.close();
});

/** One sample, 16 bit, as G.711 has it (mu-law). */
function encodeUlaw(sample) {
    const sign = sample < 0 ? 0x80 : 0;
    const size = Math.min(Math.abs(sample), 32635) + 132;
    const exponent = Math.max(0, Math.floor(Math.log2(size)) - 7);
    return ~(sign | (exponent << 4) | ((size >> (exponent + 3)) & 15)) & 255;
}

test('a secret that the client made opens a session; errors come as the client has them', async () => {
    const secret = await client.realtime.clientSecrets.create({ session: { type: 'realtime', model: 'told', output_modalities: ['text'], instructions: 'Whisper.' } });
    const s = await open('told', new OpenAI({ baseURL: `${server.url}/v1`, apiKey: secret.value }));
    const { session } = s.seen[0];
    assert.deepEqual([session.instructions, session.output_modalities, session.type], ['Whisper.', ['text'], 'realtime']);
    s.rt.send({ type: 'response.cancel', event_id: 'mine' });
    await s.next('error');
    assert.deepEqual([s.errors[0].error.code, s.errors[0].error.event_id, s.errors[0].error.type], ['response_cancel_not_active', 'mine', 'invalid_request_error']);
    s.rt.send({ type: 'output_audio_buffer.clear' });
    assert.equal((await s.next('output_audio_buffer.cleared')).response_id, null);
    await s.close();
    const nobody = new OpenAIRealtimeWS({ model: 'nobody-here', options: { ca } }, client);
    const error = await new Promise((resolve) => nobody.on('error', resolve));
    assert.equal(error.error.code, 'model_not_found');
});

test('ears that fail are told, and the conversation goes on', async () => {
    const deaf = await startServer({ args: ears('auth') });
    try {
        await addEngine(deaf, teller.url, 'teller', 'm');
        await request(deaf, 'POST', '/api/personas', { name: 'Told', slug: 'told', engine: 'teller' });
        const rt = await Realtime.open(deaf, 'told', { output_modalities: ['text'], audio: { input: { turn_detection: null, transcription: { model: 'whisper-1', language: 'ja' } } } });
        const tts = await fetch(`${deaf.url}/api/tts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text: 'Good morning.', voice: 'flite/rms', format: 'wav' }) });
        const sound = to24k(wav(Buffer.from(await tts.arrayBuffer())));
        await rt.speak(sound);
        rt.send({ type: 'input_audio_buffer.commit' });
        rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: sound.toString('base64') }] } });
        for (const n of [1, 2]) {
            const failed = await rt.wait('conversation.item.input_audio_transcription.failed', n);
            assert.deepEqual([failed.content_index, failed.error.type], [0, 'transcription_error']);
            assert.match(failed.error.message, /[.!]$/);
            assert.equal(failed.item_id, rt.all('conversation.item.added')[n - 1].item.id);
        }
        assert.equal(rt.all('conversation.item.input_audio_transcription.completed').length, 0);
        rt.send(text('Can you read?'));
        rt.send({ type: 'response.create' });
        const answer = await teller.next();
        answer.say('Yes.');
        answer.end();
        assert.equal((await rt.wait('response.done')).response.status, 'completed');
        await rt.close();
    } finally {
        await deaf.stop();
        removeFolder(deaf.data);
    }
});

test('who says nothing is asked once', async () => {
    const rt = await Realtime.open({ url: server.url }, 'told', { output_modalities: ['text'], audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } } });
    await rt.speak(silence(500));
    rt.send(text('Hello.'));
    rt.send({ type: 'response.create' });
    const answer = await teller.next();
    answer.say('Hello.');
    answer.end();
    await rt.wait('response.done');
    const begun = Date.now();
    const asked = await rt.wait('input_audio_buffer.timeout_triggered');
    assert.ok(Date.now() - begun > 4500 && Date.now() - begun < 8000);
    assert.equal((await rt.wait('input_audio_buffer.committed')).item_id, asked.item_id);
    const again = await teller.next();
    again.say('Are you there?');
    again.end();
    assert.equal((await rt.wait('response.done', 2)).response.status, 'completed');
    await new Promise((resolve) => setTimeout(resolve, 6000));
    assert.equal(rt.all('input_audio_buffer.timeout_triggered').length, 1);
    await rt.close();
});
