// Character cards for the page's tests, made here: a PNG picture with the card inside (tEXt `chara`, as SillyTavern
// writes it), a JSON card, and a folder of many, among them some that must be refused.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { crc32 as sum } from '../lib/cardfiles.mjs';

function chunk(type, data) {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(sum(body), body.length + 4);
    return out;
}

/* Hue in degrees, the others 0..1, to 0..255 each. */
function colour(hue, saturation, light) {
    const a = saturation * Math.min(light, 1 - light);
    return [0, 8, 4].map((n) => {
        const k = (n + (((hue % 360) + 360) % 360) / 30) % 12;
        return 255 * (light - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
    });
}
const blend = (from, to, share) => from.map((value, i) => value + (to[i] - value) * Math.min(1, Math.max(0, share)));

/** A painted PNG, 2:3, in the colours of `hue`: a sun over three ridges. */
export function picture(hue = 0, { width = 200, height = 300, chunks = [] } = {}) {
    const rows = Buffer.alloc(height * (1 + width * 3));
    const ridge = (x, i) => 0.4 + i * 0.15 + 0.05 * Math.sin(x * (5 + i * 2) + hue * 0.05 + i * 2) + 0.025 * Math.sin(x * 17 + hue * 0.11 + i);
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
            const [u, v] = [x / width, y / height];
            let pixel = blend(colour(hue + 40, 0.55, 0.34), colour(hue - 10, 0.75, 0.78), v * 1.5);
            const sun = Math.hypot((u - 0.5 - 0.12 * Math.sin(hue)) * 0.67, v - 0.25);
            pixel = blend(pixel, colour(hue - 25, 0.9, 0.88), 1.1 - sun * 3.4);
            if (sun < 0.1) pixel = blend(colour(hue - 30, 1, 0.95), pixel, (sun - 0.096) * 250);
            for (let i = 0; i < 3; i++) if (v > ridge(u, i)) pixel = blend(colour(hue + 18 + i * 14, 0.45, 0.5 - i * 0.13), colour(hue + 30 + i * 14, 0.5, 0.36 - i * 0.1), (v - ridge(u, i)) * 4);
            pixel.forEach((value, i) => (rows[y * (1 + width * 3) + 1 + x * 3 + i] = Math.round(Math.min(255, Math.max(0, value)))));
        }
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 2, 0, 0, 0], 8);
    return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', header), ...chunks, chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** A V2 card as an object. */
export function card(name, more = {}) {
    return {
        spec: 'chara_card_v2',
        spec_version: '2.0',
        data: {
            name,
            description: `${name} keeps a small shop of maps that nobody else would draw.`,
            personality: 'Patient, a little amused.',
            scenario: 'In the shop, at closing time.',
            first_mes: `{{user}}? ${name} looks up. "You are late."`,
            mes_example: '<START>\n{{user}}: Hello.\n{{char}}: Good evening.',
            creator_notes: 'Best **after dark**.',
            system_prompt: '',
            post_history_instructions: '',
            alternate_greetings: ['"Sit down," says {{char}}.', '*{{char}} is asleep behind the counter.*'],
            tags: ['maps', 'shop'],
            creator: 'a test',
            character_version: '1.2',
            extensions: { 'a/test': { kept: [1, 2.50] } },
            ...more
        }
    };
}

export const pngCard = (name, hue, more) => picture(hue, { chunks: [chunk('tEXt', Buffer.from(`chara\0${Buffer.from(JSON.stringify(card(name, more))).toString('base64')}`, 'latin1'))] });

/** `count` cards below `folder`, some deeper, some as PNG, and beside them what is no card. Answers how many are good. */
export function makeFolderOfCards(folder, count) {
    for (const inside of ['', 'more', 'more/deeper', '.hidden']) mkdirSync(join(folder, inside), { recursive: true });
    for (let i = 0; i < count; i++) {
        const name = `Folder ${String(i).padStart(3, '0')}`;
        const place = ['', 'more', 'more/deeper'][i % 3];
        const tags = [i % 2 ? 'odd' : 'even', 'folder'];
        if (i % 10 === 0) writeFileSync(join(folder, place, `${i}.png`), pngCard(name, i * 7, { tags }));
        else writeFileSync(join(folder, place, `${i}.json`), JSON.stringify(card(name, { tags })));
    }
    writeFileSync(join(folder, 'broken.json'), '{"spec":"chara_card_v2","data":{"name":');
    writeFileSync(join(folder, 'picture only.png'), picture(10));
    writeFileSync(join(folder, 'notes.md'), 'No card.');
    writeFileSync(join(folder, '.hidden', 'card.json'), JSON.stringify(card('Hidden')));
    return count;
}
