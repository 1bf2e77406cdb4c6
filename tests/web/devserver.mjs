// A stand-in for the server while working on the page alone: the part of docs/API.md that the page uses, in memory,
// with canned answers. `node tests/web/devserver.mjs [PORT]`, then `npm --prefix web run dev`. No test uses it.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { WebSocketServer } = createRequire(new URL('../package.json', import.meta.url))('ws');
const port = Number(process.argv[2] ?? 8080);
const BUILD = fileURLToPath(new URL('../../web/build', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' };
const now = () => new Date().toISOString();
const CAST = [
    ['mia', 'Mia', 'Warm, attentive and quick to notice how you are. She asks the second question, the one that shows she listened to the answer.'],
    ['philosopher', 'The Philosopher', 'Patient and precise. He would rather find a better question than a quick answer, and he is not above laughing at himself.'],
    ['comedian', 'The Comedian', 'Finds the absurd in everything, most of all in himself. Timing is everything; so is the pause.'],
    ['scientist', 'The Scientist', 'Curious to the point of impatience. Wants to know how you know, and what would change your mind.'],
    ['solene', 'Solene', 'Direct, demanding and loyal. She will not flatter you, and that is why her praise counts.'],
    ['lyra', 'Lyra', 'Speaks in images. Half of what she says is about the light in the room, the other half is about you.'],
    ['kimi', 'Kimi', 'Factual, reflective, fond of quotations. Keeps a commonplace book and shares it.'],
];
const base = (slug, name, description) => ({
    id: randomUUID(), slug, name, description, personality: 'Gentle, curious, a good listener.', scenario: '', greeting: `Hello, I am ${name}. I am glad you came. What is on your mind?`,
    system_prompt: '', traits: { openness: 0.7, conscientiousness: 0.5, extraversion: 0.6, agreeableness: 0.9, neuroticism: 0.3, humor: 0.5, formality: 0.2, talkativeness: 0.5 },
    voice: {}, avatar: null, engine: null, boundaries: ['Does not pretend to be a doctor'], goals: ['Learn what matters to you'],
    starters: ['I had a long day.', 'Tell me something nice.', 'What do you remember about me?'], tags: ['companion'], version: 1, created_at: now(), updated_at: now(), deleted_at: null,
});
let personas = CAST.map((row) => base(...row));
let rooms = [];
let config = { 'user.name': '' };
let providers = [{ name: 'scripted', type: 'scripted', base_url: '', api_key_set: false, headers_set: false, settings: {}, locked: true }];
let engines = [{ name: 'scripted', provider: 'scripted', model: '', temperature: null, top_p: null, frequency_penalty: null, presence_penalty: null, max_tokens: null, stop: [], seed: null, style: 'system', context_tokens: null, fallback: [], default: true, locked: true }];
const readers = new Map();
const me = () => ({ type: 'user', id: 'owner', name: config['user.name'] });
const as = (persona) => ({ type: 'persona', id: persona.id, name: persona.name });

function publish(room, kind, author, data, more = {}) {
    const lasting = !['typing', 'delta', 'turn.snapshot'].includes(kind);
    const event = { room: room.id, seq: lasting ? ++room.head : null, pos: null, at: now(), kind, v: 1, author, turn: null, cause: null, parent: null, audience: null, data, ...more };
    if (lasting) {
        room.events.push(event);
        room.updated_at = event.at;
    }
    for (const socket of readers.get(room.id) ?? []) socket.send(JSON.stringify({ type: 'event', event }));
    return event;
}
function answer(room, persona, cause, retry_of = null, text = '') {
    const turn = randomUUID();
    const state = { turn, cancelled: false, text: '' };
    room.running.set(turn, state);
    publish(room, 'turn.started', as(persona), { persona: persona.id, retry_of }, { turn, cause });
    const failing = /please fail/i.test(text);
    const reply = /code/i.test(text)
        ? 'Here is a small thing:\n\n```python\ndef hello(name):\n    return f"Hello, {name}"\n```\n\nIt does **one** thing, and `hello` is its name.\n\n- first, it greets\n- then it stops'
        : ['That sounds like it mattered to you. *She leans a little closer.* Tell me the part that stays with you when everything else is quiet.',
           'I hear you. There is a kind of tiredness that sleep does not touch, and I wonder if this is that one.\n\nWhat would help, just for tonight?',
           'Mm. I would like to hear more about that, slowly. Where does it begin?'][room.events.length % 3];
    const words = reply.match(/\s*\S+/g);
    let index = 0;
    const end = (outcome, more) => {
        room.running.delete(turn);
        publish(room, 'turn.ended', as(persona), { outcome, engine: 'scripted', finish: 'stop', usage: { prompt_tokens: 412, completion_tokens: words.length, total_tokens: 412 + words.length },
            timings: { perceive_ms: 1, recall_ms: 4, compose_ms: 2, generate_ms: index * 60, express_ms: 0, remember_ms: 3 },
            recalled: [{ text: 'I play the cello, badly.', reason: 'You said “play” eight days ago in another room.' }], ...more }, { turn });
    };
    const step = () => {
        if (state.cancelled) return end('cancelled', { text: state.text });
        if (failing && index === 3) return end('failed', { text: state.text, error: { message: 'The provider “home” refused the key (401). Check its key in the settings.', type: 'server_error', code: 'auth' } });
        if (index >= words.length) {
            publish(room, 'message', as(persona), { id: randomUUID(), text: reply, reply_to: null, ...(retry_of && { retry_of }) }, { turn, cause });
            publish(room, 'mood', as(persona), { persona: persona.id, label: ['curious', 'tender', 'glad'][room.events.length % 3], valence: 0.5, arousal: 0.1, dominance: 0.1 });
            return end('done', {});
        }
        state.text += words[index];
        publish(room, 'delta', as(persona), { text: words[index], index }, { turn });
        state.index = ++index;
        setTimeout(step, 55);
    };
    setTimeout(step, 900);
}
function say(room, text, client) {
    const key = client && `${room.id}/${client}`;
    if (key && room.clients.has(key)) return room.clients.get(key);
    const event = publish(room, 'message', me(), { id: randomUUID(), text, reply_to: null });
    if (key) room.clients.set(key, event);
    if (room.state !== 'stopped' && room.state !== 'paused') room.members.slice(1).forEach((member, i) => setTimeout(() => answer(room, personas.find((p) => p.id === member.id), event.seq, null, text), i * 1500));
    return event;
}
const flat = ({ events, running, clients, ...room }) => room;
const list = (data) => ({ data, next: null });
const fail = (status, message) => ({ status, body: { error: { message, type: 'invalid_request_error', param: null, code: null, request_id: 'dev' } } });
const find = (ref) => personas.find((persona) => persona.id === ref || persona.slug === ref);

function route(method, path, query, body, headers) {
    const [, , what, id, sub, subId, verb] = path.split('/').map(decodeURIComponent);
    if (what === 'session') return { body: { signed_in: true, credential: 'local', name: config['user.name'] } };
    if (what === 'healthcheck') return { body: { status: 'ok', version: '0.1.0', uptime_ms: process.uptime() * 1000, providers, engine: 'scripted', voice: { status: 'degraded', detail: 'No voice yet.' }, store: { status: 'ok' }, parts: { store: { status: 'ok' }, engines: { status: 'ok', detail: 'Only the scripted engine.' } } } };
    if (what === 'config') {
        if (method === 'PUT') Object.assign(config, body);
        return { body: list(Object.entries(config).map(([key, value]) => ({ key, value, default: '', doc: 'What personas call the local owner until they are told otherwise.', type: 'text', limits: '', secret: false, set: true, restart: false, from: 'default', locked: false }))) };
    }
    if (what === 'personas') {
        if (!id) {
            if (method === 'GET') return { body: list(personas.filter((p) => Boolean(p.deleted_at) === (query.get('deleted') === 'true'))) };
            const fresh = { ...base(String(body.name).toLowerCase().replace(/\W+/g, '-'), body.name, ''), ...body };
            personas.push(fresh);
            return { status: 201, body: fresh };
        }
        if (id === 'import') {
            const card = body.data ?? body;
            const fresh = { ...base(String(card.name).toLowerCase().replace(/\W+/g, '-') + '-2', card.name, card.description ?? ''), greeting: card.first_mes ?? '' };
            personas.push(fresh);
            return { status: 201, body: fresh };
        }
        const persona = find(id);
        if (!persona) return fail(404, `There is no persona “${id}”. GET /api/personas lists those there are.`);
        if (sub === 'card.json') return { body: { spec: 'chara_card_v3', data: { name: persona.name, description: persona.description } } };
        if (sub === 'duplicate') {
            const copy = { ...structuredClone(persona), id: randomUUID(), slug: `${persona.slug}-copy`, name: `${persona.name} (copy)` };
            personas.push(copy);
            return { status: 201, body: copy };
        }
        if (sub === 'restore') persona.deleted_at = null;
        else if (method === 'DELETE') {
            persona.deleted_at = now();
            return { status: 204 };
        } else if (method === 'PUT' || method === 'PATCH') {
            if (headers['if-match'] && headers['if-match'] !== `"${persona.version}"`) return fail(412, 'The persona was changed meanwhile. Load it again, then make your change.');
            Object.assign(persona, body, { version: persona.version + 1, updated_at: now() });
        }
        return { body: persona, etag: `"${persona.version}"` };
    }
    if (what === 'providers' || what === 'engines') {
        const all = what === 'providers' ? providers : engines;
        if (!id && method === 'GET') return { body: list(all) };
        if (sub === 'test') return { body: id === 'scripted' ? { ok: true, latency_ms: 3, reply: 'I am here.' } : { ok: false, latency_ms: 5012, error: { message: 'Nothing listens at http://127.0.0.1:1234/v1. Start the model server, or change the address.' } } };
        const at = all.findIndex((entry) => entry.name === (id ?? body?.name));
        if (method === 'DELETE') {
            all.splice(at, 1);
            return { status: 204 };
        }
        const { api_key, ...rest } = body;
        const entry = { ...(at >= 0 ? all[at] : what === 'providers' ? { settings: {}, headers_set: false, locked: false, api_key_set: false } : { fallback: [], default: false, locked: false, stop: [] }), ...rest, name: id ?? body.name };
        if (what === 'providers' && api_key !== undefined) entry.api_key_set = Boolean(api_key);
        if (at >= 0) all[at] = entry;
        else all.push(entry);
        return { status: 201, body: entry };
    }
    if (what === 'rooms') {
        if (!id) {
            if (method === 'GET') return { body: list(rooms.filter((r) => Boolean(r.deleted_at) === (query.get('deleted') === 'true')).map(flat).sort((a, b) => b.updated_at.localeCompare(a.updated_at))) };
            const who = body.personas.map(find);
            const room = { id: randomUUID(), title: body.title ?? '', state: 'idle', members: [{ type: 'user', id: 'owner', name: config['user.name'] }, ...who.map((p) => ({ type: 'persona', id: p.id, name: p.name, slug: p.slug }))], head: 0, cleared: 0, version: 1, created_at: now(), updated_at: now(), deleted_at: null, events: [], running: new Map(), clients: new Map() };
            rooms.push(room);
            publish(room, 'room.created', me(), { title: room.title });
            for (const p of who) publish(room, 'message', as(p), { id: randomUUID(), text: p.greeting, reply_to: null });
            for (const p of who) publish(room, 'mood', as(p), { persona: p.id, label: 'calm', valence: 0.2, arousal: -0.2, dominance: 0.1 });
            return { status: 201, body: flat(room) };
        }
        const room = rooms.find((r) => r.id === id);
        if (!room) return fail(404, 'There is no such room. It may have been deleted; the list of rooms shows those there are.');
        if (!sub && method === 'DELETE') {
            room.deleted_at = now();
            return { status: 204 };
        }
        if (!sub && method === 'PATCH') {
            if (body.title !== undefined) publish(room, 'room.updated', me(), { title: (room.title = body.title) });
            if (body.personas) room.members = [room.members[0], ...body.personas.map(find).map((p) => ({ type: 'persona', id: p.id, name: p.name, slug: p.slug }))];
        }
        if (sub === 'restore') room.deleted_at = null;
        const states = { start: 'running', pause: 'paused', stop: 'stopped', idle: 'idle' };
        if (states[sub]) publish(room, 'room.state', me(), { state: (room.state = states[sub]), reason: null });
        if (sub === 'stop') for (const turn of room.running.values()) turn.cancelled = true;
        if (sub === 'clear') room.cleared = publish(room, 'room.cleared', me(), {}).seq;
        if (sub === 'turns') {
            room.running.get(subId).cancelled = true;
            return { body: { turn: subId, room: id, status: 'ended' } };
        }
        if (sub === 'messages') {
            const edits = new Map(room.events.filter((e) => e.kind === 'message.edited').map((e) => [e.data.of, e]));
            const gone = new Set(room.events.filter((e) => e.kind === 'message.deleted').map((e) => e.data.of));
            const seen = room.events.filter((e) => e.kind === 'message' && !gone.has(e.data.id) && e.seq > room.cleared);
            if (!subId) {
                const before = Number(query.get('before') ?? Infinity);
                const limit = Number(query.get('limit') ?? 50);
                const page = seen.filter((e) => e.seq < before).reverse();
                return { body: { data: page.slice(0, limit).map((e) => ({ ...e, id: e.data.id, edited_at: edits.get(e.data.id)?.at ?? null, data: { ...e.data, text: edits.get(e.data.id)?.data.text ?? e.data.text } })), next: page.length > limit ? 'more' : null } };
            }
            const message = seen.find((e) => e.data.id === subId);
            if (method === 'PATCH') return { body: publish(room, 'message.edited', me(), { of: subId, text: body.text }) };
            if (method === 'DELETE') {
                publish(room, 'message.deleted', me(), { of: subId, erased: false });
                return { status: 204 };
            }
            if (verb === 'retry') {
                const own = message.author.type === 'user';
                answer(room, find(own ? room.members[1].id : message.author.id), own ? message.seq : message.cause, own ? null : message.data.id, '');
                return { status: 201, body: {} };
            }
        }
        return { body: flat(room) };
    }
    return fail(404, `There is nothing at ${path}.`);
}

const server = createServer((request, response) => {
    let text = '';
    request.on('data', (piece) => (text += piece));
    request.on('end', () => {
        const url = new URL(request.url, 'http://x');
        if (!url.pathname.startsWith('/api/')) {
            const wanted = join(BUILD, url.pathname);
            const file = url.pathname !== '/' && existsSync(wanted) ? wanted : join(BUILD, 'index.html');
            response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'text/plain', 'Content-Security-Policy': "default-src 'self'; style-src 'self'; script-src 'self'" });
            return response.end(readFileSync(file));
        }
        const { status = 200, body, etag } = route(request.method, url.pathname, url.searchParams, text ? JSON.parse(text) : undefined, request.headers);
        response.writeHead(status, { 'Content-Type': 'application/json', ...(etag && { ETag: etag }) });
        response.end(status === 204 ? undefined : JSON.stringify(body));
    });
});
new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
    socket.on('message', (data) => {
        const frame = JSON.parse(data);
        const room = rooms.find((r) => r.id === frame.room);
        if (!room) return socket.send(JSON.stringify({ type: 'error', error: { message: 'There is no such room.' }, id: frame.id ?? null }));
        if (frame.type === 'join') {
            const set = readers.get(room.id) ?? readers.set(room.id, new Set()).get(room.id);
            set.add(socket);
            socket.on('close', () => set.delete(socket));
            socket.send(JSON.stringify({ type: 'joined', room: room.id, seq: room.head }));
            if (frame.after !== null) for (const event of room.events) if (event.seq > frame.after) socket.send(JSON.stringify({ type: 'event', event }));
            for (const turn of room.running.values()) socket.send(JSON.stringify({ type: 'event', event: { room: room.id, seq: null, at: now(), kind: 'turn.snapshot', v: 1, author: as(personas[0]), turn: turn.turn, cause: null, data: { turn: turn.turn, text: turn.text, index: turn.index ?? 0 } } }));
        } else if (frame.type === 'leave') readers.get(room.id)?.delete(socket);
        else if (frame.type === 'say') socket.send(JSON.stringify({ type: 'ack', id: frame.id, seq: say(room, frame.text, frame.id).seq }));
        else if (frame.type === 'cancel' && room.running.has(frame.turn)) room.running.get(frame.turn).cancelled = true;
    });
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
