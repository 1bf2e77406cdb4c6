// 10,000 character cards imported as a page or terminal imports a folder: one request a card, several at a time. Half of them
// are PNG with a picture of some 100 KB, a third JSON, the rest CHARX with two assets. Prints seconds and cards a second; fails
// above the limit.
import { cpus } from 'node:os';
import http from 'node:http';
import { removeFolder, startServer } from '../lib/server.mjs';
import { base64, chunk, END, header, PNG_MARK, tEXt, zip } from '../lib/cardfiles.mjs';
import { randomFillSync } from 'node:crypto';

const COUNT = Number(process.env.CARDS ?? 10000), LIMIT_S = 60, AT_A_TIME = 8;
const words = 'calm river quiet lantern brass violet harbour winter paper ember salt orchard copper distant glass meadow'.split(' ');
const text = (seed, n) => Array.from({ length: n }, (_, i) => words[(seed * 31 + i * 17 + (i >> 3)) % words.length]).join(' ');
const noise = randomFillSync(Buffer.alloc(100 * 1024));

function card(i) {
    return {
        spec: 'chara_card_v3', spec_version: '3.0',
        data: {
            name: `Card ${i}`, description: text(i, 250), personality: text(i + 1, 40), scenario: text(i + 2, 40), first_mes: text(i + 3, 80),
            mes_example: text(i + 4, 120), creator_notes: text(i, 20), system_prompt: '', post_history_instructions: '',
            alternate_greetings: [text(i + 5, 60)], tags: [words[i % 16], words[(i * 7) % 16]], creator: words[i % 16],
            character_version: '1', group_only_greetings: [], extensions: { talkativeness: '0.5', depth_prompt: { prompt: '', depth: 4 } },
            character_book: { extensions: {}, entries: Array.from({ length: i % 10 }, (_, k) => ({
                keys: [words[k]], content: text(k, 40), extensions: {}, enabled: true, insertion_order: k, use_regex: false, constant: false })) }
        }
    };
}

function file(i) {
    const json = JSON.stringify(card(i));
    if (i % 6 === 5) return ['application/json', Buffer.from(json)];
    if (i % 6 === 4) return ['application/json', Buffer.from(json)];
    const picture = Buffer.from(noise.subarray(0, 60 * 1024 + (i % 40) * 1024));
    picture.writeUInt32BE(i, 0);
    if (i % 6 === 3) {
        const v3 = card(i);
        v3.data.assets = [{ type: 'icon', name: 'main', ext: 'png', uri: 'embeded://assets/icon/images/main.png' },
            { type: 'emotion', name: 'happy', ext: 'png', uri: 'embeded://assets/emotion/images/happy.png' }];
        return ['application/zip', zip({ 'card.json': JSON.stringify(v3),
            'assets/icon/images/main.png': { bytes: picture, store: true },
            'assets/emotion/images/happy.png': { bytes: picture.subarray(0, 20000), store: true } })];
    }
    const v2 = JSON.stringify({ ...card(i), spec: 'chara_card_v2', spec_version: '2.0' });
    return ['image/png', Buffer.concat([PNG_MARK, header(400, 600), chunk('IDAT', picture), tEXt('chara', base64(v2)), tEXt('ccv3', base64(json)), END])];
}

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_A_TIME });
const send = (url, type, body) => new Promise((resolve, reject) => {
    const req = http.request(url, { method: 'POST', agent, headers: { 'Content-Type': type, 'Content-Length': body.length } }, (res) => {
        let said = '';
        res.on('data', (piece) => { if (res.statusCode !== 201) said += piece; });
        res.on('end', () => (res.statusCode === 201 ? resolve() : reject(new Error(`${res.statusCode} ${said}`))));
    });
    req.on('error', reject);
    req.end(body);
});

const server = await startServer();
try {
    const url = new URL('/api/personas/import', server.url);
    let next = 0, bytes = 0, slowest = 0;
    const begin = process.hrtime.bigint();
    const seconds = (from) => Number(process.hrtime.bigint() - from) / 1e9;
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
        while (next < COUNT) {
            const [type, body] = file(next++);
            const at = process.hrtime.bigint();
            bytes += body.length;
            await send(url, type, body);
            slowest = Math.max(slowest, seconds(at));
        }
    }));
    const took = seconds(begin);
    const listed = await (await fetch(`${server.url}/api/personas?limit=1&total=true&fields=summary`)).json();
    if (listed.total < COUNT) throw new Error(`${listed.total} personas are there, not ${COUNT}`);
    console.log(`cards: ${COUNT} imported in ${took.toFixed(1)} s (limit ${LIMIT_S} s): ${(COUNT / took).toFixed(0)} cards/s, ` +
        `${(bytes / took / 1048576).toFixed(0)} MiB/s, slowest ${(slowest * 1000).toFixed(0)} ms, ${AT_A_TIME} at a time, ${cpus().length} cores`);
    if (took > LIMIT_S) process.exitCode = 1;
} finally {
    agent.destroy();
    await server.stop();
    removeFolder(server.data);
}
