// A server that speaks OpenAI's Realtime API (GA) for tests, well and badly. The model in the address says how:
//   ok         answers "You said: …" in words, with sound where audio is asked for
//   others     see `behave` below
// It keeps what every session was sent, so that tests can see what the driver did.
import http from 'node:http';
import { WebSocketServer } from 'ws';

const RATE = 24000;
export const LETTER_MS = 60; /* of sound, and 250 ms of silence after a sentence */
let serial = 0;
const id = (kind) => `${kind}_${++serial}`;

/** A tone of so many samples, and silence after it: 16 bits, little-endian. */
function tone(samples, silent = 0) {
    const bytes = Buffer.alloc((samples + silent) * 2);
    for (let i = 0; i < samples; i++) bytes.writeInt16LE(Math.round(8000 * Math.sin((i * 2 * Math.PI * 330) / RATE)), i * 2);
    return bytes;
}

class Session {
    constructor(server, socket, model) {
        Object.assign(this, { server, socket, model, items: [], received: [], settings: {}, heardBytes: 0, buffer: [], cancelled: false });
        server.sessions.push(this);
        this.closed = new Promise((resolve) => socket.on('close', resolve));
        socket.on('message', (bytes) => this.take(JSON.parse(bytes)));
        if (model !== 'mute')
            this.send({ type: 'session.created', session: { type: 'realtime', id: id('sess'), model, expires_at: Math.floor(Date.now() / 1000) + (model === 'short-lived' ? 30 : 3600) } });
    }
    send(event) {
        if (this.socket.readyState === 1) this.socket.send(JSON.stringify({ event_id: id('event'), ...event }));
    }
    error(event, error) {
        this.send({ type: 'error', error: { type: 'invalid_request_error', code: null, message: 'something was wrong', param: null, event_id: event?.event_id ?? null, ...error } });
    }
    types() {
        return this.received.map((e) => e.type);
    }
    texts() {
        return this.items.map((i) => `${i.role ?? i.type}: ${(i.content ?? []).map((c) => c.text ?? c.transcript ?? '').join('') || i.output || i.arguments || ''}`);
    }
    take(event) {
        this.received.push(event);
        const { server, model } = this;
        if (event.type === 'session.update') {
            if (model === 'no-update') return this.error(event, { message: 'Unknown voice.', code: 'invalid_value' });
            this.settings = { ...this.settings, ...event.session };
            this.send({ type: 'session.updated', session: this.settings });
        } else if (event.type === 'conversation.item.create') {
            this.items.push(event.item);
            this.send({ type: 'conversation.item.added', previous_item_id: null, item: event.item });
            this.send({ type: 'conversation.item.done', previous_item_id: null, item: event.item });
        } else if (event.type === 'conversation.item.delete') {
            const at = this.items.findIndex((i) => i.id === event.item_id);
            if (at < 0) return this.error(event, { message: 'There is no such item.', code: 'item_not_found' });
            this.items.splice(at, 1);
            this.send({ type: 'conversation.item.deleted', item_id: event.item_id });
        } else if (event.type === 'conversation.item.truncate') {
            const item = this.items.find((i) => i.id === event.item_id);
            if (!item || event.audio_end_ms > item.ms) return this.error(event, { message: 'That is beyond its end.', code: 'invalid_value' });
            item.truncated = event.audio_end_ms;
            this.send({ type: 'conversation.item.truncated', item_id: item.id, content_index: 0, audio_end_ms: event.audio_end_ms });
        } else if (event.type === 'input_audio_buffer.append') {
            this.buffer.push(Buffer.from(event.audio, 'base64'));
        } else if (event.type === 'input_audio_buffer.commit') {
            const bytes = Buffer.concat(this.buffer.splice(0));
            if (model === 'deaf' || bytes.length < RATE / 5) return this.error(event, { message: 'The buffer is too small.', code: 'input_audio_buffer_commit_empty' });
            this.heardBytes += bytes.length;
            const item = { id: id('item'), type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: 'what the provider heard' }] };
            this.items.push(item);
            this.send({ type: 'input_audio_buffer.committed', item_id: item.id, previous_item_id: null });
            this.send({ type: 'conversation.item.added', item });
            this.send({ type: 'conversation.item.input_audio_transcription.completed', item_id: item.id, content_index: 0, transcript: 'what the provider heard' });
        } else if (event.type === 'response.create') {
            server.responses++;
            this.answer(event).catch(() => {});
        } else if (event.type === 'response.cancel') {
            if (!this.running) return this.error(event, { message: 'Nothing is being said.', code: 'response_cancel_not_active' });
            this.cancelled = true;
            this.wake?.();
        }
    }
    sleep(ms) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            this.wake = () => (clearTimeout(timer), resolve());
        });
    }
    done(response, status, more = {}) {
        this.running = false;
        this.send({
            type: 'response.done',
            response: {
                id: response, object: 'realtime.response', status, status_details: null, output: [],
                usage: { total_tokens: 60, input_tokens: 40, output_tokens: 20, input_token_details: { text_tokens: 30, audio_tokens: 10, cached_tokens: 5 }, output_token_details: { text_tokens: 6, audio_tokens: 14 } },
                ...more
            }
        });
    }
    async answer(event) {
        const { model } = this;
        const response = id('resp'), last = this.items.at(-1), audio = (event.response?.output_modalities ?? this.settings.output_modalities ?? ['audio'])[0] === 'audio';
        this.running = true;
        this.cancelled = false;
        this.send({ type: 'response.created', response: { id: response, status: 'in_progress' } });
        this.send({ type: 'rate_limits.updated', rate_limits: [] });
        this.send({ type: 'something.nobody.knows', odd: [1, { two: null }] });
        if (model === 'stall') return;
        if (model === 'cut') return this.socket.terminate();
        if (model === 'cut-once' && this.server.responses === 1) return this.socket.terminate();
        if (model === 'malformed') return this.socket.send('{"type": "response.output_text.delta", "delta": ');
        if (model === 'binary') return this.socket.send(Buffer.from([1, 2, 3]));
        if (model === 'failed') return this.done(response, 'failed', { status_details: { type: 'failed', error: { type: 'server_error', code: null, message: 'the GPU is on fire' } } });
        if (model === 'quota') return this.done(response, 'failed', { status_details: { type: 'failed', error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'You exceeded your current quota' } } });
        if (model === 'error-event') return this.error(null, { type: 'invalid_request_error', code: 'invalid_value', message: 'This conversation cannot be.' });
        if (model === 'expired') return this.error(null, { code: 'session_expired', message: 'Your session hit the maximum duration of 60 minutes.' });
        const item = { id: id('item'), type: 'message', role: 'assistant', status: 'in_progress', content: [] };
        if (model === 'tools') {
            const call = { id: id('item'), type: 'function_call', call_id: id('call'), name: this.settings.tools?.[0]?.name, arguments: '{"city":"Porto"}' };
            this.send({ type: 'response.output_item.added', response_id: response, output_index: 0, item: { ...call, arguments: '' } });
            this.send({ type: 'response.function_call_arguments.delta', response_id: response, item_id: call.id, delta: call.arguments });
            this.send({ type: 'response.function_call_arguments.done', response_id: response, item_id: call.id, arguments: call.arguments });
            this.send({ type: 'response.output_item.done', response_id: response, output_index: 0, item: call });
            this.items.push(call);
            return this.done(response, 'completed');
        }
        const said = last?.content?.map((c) => c.text ?? c.transcript ?? '').join('') ?? '';
        let text = `You said: ${said || 'nothing'}. That is all I know, and I say it gladly.`;
        if (model === 'long' || model === 'half') text = 'One sentence after another comes here. '.repeat(20);
        this.send({ type: 'response.output_item.added', response_id: response, output_index: 0, item });
        this.send({ type: 'response.content_part.added', response_id: response, item_id: item.id, output_index: 0, content_index: 0, part: { type: audio ? 'audio' : 'text' } });
        this.items.push(item);
        item.ms = 0;
        let spoken = '';
        const beta = model === 'beta';
        const kind = audio ? (beta ? 'response.audio_transcript.delta' : 'response.output_audio_transcript.delta') : beta ? 'response.text.delta' : 'response.output_text.delta';
        for (const word of text.match(/\S+\s*/g)) {
            if (this.cancelled) break;
            spoken += word;
            item.content = [audio ? { type: 'output_audio', transcript: spoken } : { type: 'output_text', text: spoken }];
            if (model !== 'no-deltas') this.send({ type: kind, response_id: response, item_id: item.id, output_index: 0, content_index: 0, delta: word });
            if (audio) {
                /* pieces that end in the middle of a sample */
                const pause = /[.!?]\s*$/.test(word) ? 250 : 0;
                const bytes = tone((RATE * LETTER_MS * word.trim().length) / 1000, (RATE * pause) / 1000), cut = bytes.length - 1;
                for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)])
                    this.send({ type: beta ? 'response.audio.delta' : 'response.output_audio.delta', response_id: response, item_id: item.id, output_index: 0, content_index: 0, delta: piece.toString('base64') });
                item.ms += LETTER_MS * word.trim().length + pause;
            }
            if (model === 'half' && spoken.length > 100) return this.socket.terminate();
            if (model === 'half-stall' && spoken.length > 30) return;
            if (model === 'long') await this.sleep(40);
        }
        if (this.cancelled) return this.done(response, 'cancelled', { status_details: { type: 'cancelled', reason: 'client_cancelled' } });
        this.send({ type: 'response.output_item.done', response_id: response, output_index: 0, item });
        if (model === 'limit') return this.done(response, 'incomplete', { output: [item], status_details: { type: 'incomplete', reason: 'max_output_tokens' } });
        this.done(response, 'completed', { output: [item] });
    }
}

export async function startRealtime({ key = 'sk-real' } = {}) {
    const server = { sessions: [], responses: 0, refused: 0 };
    const sockets = new WebSocketServer({ noServer: true });
    const web = http.createServer((req, res) => res.writeHead(404).end());
    const refuse = (socket, status, body, more = '') =>
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    web.on('upgrade', (req, socket, head) => {
        const url = new URL(req.url, 'http://x'), model = url.searchParams.get('model');
        server.refused++;
        if (url.pathname !== '/v1/realtime') return refuse(socket, 404, '{"error":{"message":"no such path"}}');
        if (req.headers.authorization !== `Bearer ${key}`) return refuse(socket, 401, '{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}');
        if (model === 'rate-limit') return refuse(socket, 429, '{"error":{"message":"Too many sessions at once","type":"requests"}}', 'Retry-After: 30\r\n');
        if (model === 'html') return socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>A router</h1>');
        if (model === 'slow-handshake') return;
        if (model === 'hang-up') return socket.destroy();
        server.refused--;
        sockets.handleUpgrade(req, socket, head, (ws) => new Session(server, ws, model));
    });
    await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
    server.url = `ws://127.0.0.1:${web.address().port}/v1`;
    server.of = (model) => server.sessions.filter((s) => s.model === model);
    server.reset = () => ((server.sessions.length = 0), (server.responses = 0), (server.refused = 0));
    server.close = () => {
        for (const ws of sockets.clients) ws.terminate();
        web.closeAllConnections?.();
        return new Promise((resolve) => web.close(resolve));
    };
    return server;
}
