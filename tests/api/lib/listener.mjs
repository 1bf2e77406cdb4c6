// What tests of voices need: an engine whose words the test writes itself, and a socket that listens.
import http from 'node:http';
import WebSocket from 'ws';
import { addEngine } from './talk.mjs';
import { request } from '../../lib/server.mjs';
import { readSound } from '../../lib/sound.mjs';
import { Socket } from './streams.mjs';

/**
 * An OpenAI-format server whose answers the test says: `const answer = await teller.next(); answer.say('Hello. ');
 * answer.end()`. answer.body is the request. Or teller.always(text): every answer is that text at once.
 */
export async function startTeller() {
    const waiting = [];
    const asked = [];
    let always = null;
    const server = http.createServer(async (req, res) => {
        let body = '';
        for await (const part of req) body += part;
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.flushHeaders();
        const chunk = (delta, finish_reason = null) => res.write(`data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
        const answer = {
            body: JSON.parse(body),
            closed: new Promise((resolve) => res.once('close', resolve)),
            say: (content) => chunk({ content }),
            end: () => (chunk({}, 'stop'), res.end('data: [DONE]\n\n'))
        };
        if (always !== null) {
            answer.say(always);
            answer.end();
        }
        const next = waiting.shift();
        if (next) next(answer);
        else asked.push(answer);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        url: `http://127.0.0.1:${server.address().port}/v1`,
        next: () => (asked.length ? Promise.resolve(asked.shift()) : new Promise((resolve) => waiting.push(resolve))),
        always: (text) => (always = text),
        forget: () => (asked.length = 0),
        close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections?.()))
    };
}

/** A persona that says what the teller says, with a voice. */
export async function addTold(server, teller, slug = 'told', voice = { provider: 'flite', name: 'slt' }) {
    await addEngine(server, teller.url, slug, 'm');
    const made = await request(server, 'POST', '/api/personas', { name: slug === 'told' ? 'Tilda' : slug, slug, engine: slug, voice });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    return made.body;
}

/** A socket that joined a room with sound; `sound` has the frames. */
export async function listen(server, room, audio = true, after = undefined) {
    const socket = new Socket();
    socket.ws = new WebSocket(server.url.replace('http', 'ws') + '/ws');
    socket.frames = [];
    socket.sound = [];
    socket.waiting = [];
    socket.closed = new Promise((resolve) => socket.ws.once('close', resolve));
    socket.ws.on('message', (data, binary) => {
        if (binary) {
            const frame = readSound(data);
            socket.sound.push(frame);
            socket.frames.push({ type: 'sound', sound: frame });
        } else {
            socket.frames.push({ ...JSON.parse(data.toString()), when: performance.now() });
        }
        socket.waiting = socket.waiting.filter((look) => !look());
    });
    await new Promise((resolve, reject) => (socket.ws.once('open', resolve), socket.ws.once('error', reject)));
    socket.of = (kind) => socket.events().filter((e) => e.kind === kind);
    socket.told = (kind, fits = () => true, timeout = 10000) =>
        socket.wait((f) => f.type === 'event' && f.event.kind === kind && fits(f.event), kind, timeout).then((f) => f.event);
    socket.send({ type: 'join', room, audio, ...(after === undefined ? {} : { after }) });
    await socket.wait((f) => f.type === 'joined');
    return socket;
}

/** The sound of one sentence, put together; throws where a frame is missing. */
export function whole(frames, turn, index) {
    const mine = frames.filter((f) => f.turn === turn && f.index === index);
    let at = 0;
    for (const f of mine) {
        if (f.at !== at) throw new Error(`sentence ${index}: a frame at ${f.at}, where ${at} was next`);
        at += f.bytes.length / 2;
    }
    return { samples: at, rate: mine[0]?.rate, bytes: Buffer.concat(mine.map((f) => f.bytes)) };
}

/** A figure of /metrics. */
export async function metric(server, name) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const line = text.split('\n').find((l) => l.startsWith(`${name} `) || l.startsWith(`${name}{`));
    return line ? Number(line.slice(line.lastIndexOf(' '))) : null;
}
