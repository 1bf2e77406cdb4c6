#!/usr/bin/env node
// Draws a viseme timeline under the sound it belongs to, as an SVG for docs/VOICE.md:
//   node tools/viseme-plot.mjs ADDRESS VOICE TEXT > picture.svg        (a running server, as http://127.0.0.1:8080)
import { VISEMES, envelope, speak, weightAt } from '../tests/api/lib/visemes.mjs';

const [address, voice, text] = process.argv.slice(2);
if (!text) {
    console.error('usage: viseme-plot.mjs ADDRESS VOICE TEXT > picture.svg');
    process.exit(64);
}
const WIDTH = 1200, LEFT = 44, SOUND = 70, ROW = 22, STEP_MS = 5;
const spoken = await speak({ url: address }, { text, voice });
const x = (ms) => LEFT + (ms / spoken.duration_ms) * (WIDTH - LEFT - 8);
const rows = VISEMES.filter((viseme) => spoken.visemes.some((key) => key.viseme === viseme && key.weight > 0));
const height = SOUND + 34 + rows.length * ROW + 20;
const number = (value) => Number(value.toFixed(1));
const escape = (word) => word.replace(/[<&>]/g, (c) => `&#${c.charCodeAt(0)};`);
const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
];
const levels = envelope(spoken);
const middle = SOUND / 2 + 6;
const edge = (sign) => levels.map((level, i) => `${number(x(i * 10))} ${number(middle + sign * level * (SOUND / 2))}`);
out.push(`<path d="M${edge(-1).join('L')}L${edge(1).reverse().join('L')}Z" fill="#c4c2f2"/>`);
for (const word of spoken.words) {
    out.push(`<path d="M${number(x(word.from_ms))} ${SOUND + 10}V${height - 20}" stroke="#e4e4ee"/>`);
    out.push(`<text x="${number(x(word.from_ms) + 3)}" y="${SOUND + 22}" fill="#333">${escape(word.text)}</text>`);
}
rows.forEach((viseme, row) => {
    const base = SOUND + 34 + (row + 1) * ROW;
    const at = (ms) => number(base - weightAt(spoken.visemes, viseme, ms) * (ROW - 3));
    const points = [];
    for (let ms = 0; ms <= spoken.duration_ms; ms += STEP_MS) if (at(ms) !== at(ms - STEP_MS) || at(ms) !== at(ms + STEP_MS) || ms + STEP_MS > spoken.duration_ms) points.push(`${number(x(ms))} ${at(ms)}`);
    out.push(`<text x="4" y="${base - 5}" fill="#333">${viseme}</text>`);
    out.push(`<path d="M${number(x(0))} ${base}L${points.join('L')}L${number(x(spoken.duration_ms))} ${base}Z" fill="${viseme === 'sil' ? '#cfcfd8' : viseme === 'PP' || viseme === 'FF' ? '#e0567a' : '#6a63d8'}"/>`);
});
for (let ms = 0; ms < spoken.duration_ms; ms += 500) out.push(`<text x="${number(x(ms))}" y="${height - 5}" fill="#777">${ms / 1000} s</text>`);
out.push('</svg>');
console.log(out.join('\n'));
