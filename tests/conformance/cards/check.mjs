// Holds a program against the suite. A program is two functions:
//   read(bytes, fileName) -> handle, or throws where it refuses the file
//   write(handle, form) -> bytes, or null where it has no such form; form: v1 v2 v3 (JSON), png, charx
// Everything is checked in what it writes: values by JSON pointer, original text, absent members, assets by their hash, files
// of a CHARX, chunks of a PNG; and then once more in what it writes of what it read back from its own PNG, CHARX and JSON.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chunks, texts, unzip } from '../../lib/cardfiles.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const FILE_NAMES = { v3: 'again.json', png: 'again.png', charx: 'again.charx' };

// ---- JSON with its text

function skipValue(text, at) {
    const open = text[at];
    if (open === '"') {
        for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
        return at + 1;
    }
    if (open === '{' || open === '[') {
        for (let depth = 0; ; at++) {
            if (text[at] === '"') at = skipValue(text, at) - 1;
            else if (text[at] === '{' || text[at] === '[') depth++;
            else if ((text[at] === '}' || text[at] === ']') && --depth === 0) return at + 1;
        }
    }
    while (at < text.length && !',]} \t\r\n'.includes(text[at])) at++;
    return at;
}

const space = (text, at) => {
    while (' \t\r\n'.includes(text[at])) at++;
    return at;
};

/** The text of the value that a JSON pointer names, or undefined. */
export function rawAt(text, pointer) {
    let at = space(text, 0);
    for (const part of pointer.split('/').slice(1).map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))) {
        const array = text[at] === '[';
        if (!array && text[at] !== '{') return undefined;
        let index = 0, found = false;
        at = space(text, at + 1);
        while (text[at] !== ']' && text[at] !== '}') {
            let key = String(index++);
            if (!array) {
                const end = skipValue(text, at);
                key = JSON.parse(text.slice(at, end));
                at = space(text, space(text, end) + 1);
            }
            if (key === part) {
                found = true;
                break;
            }
            at = space(text, skipValue(text, at));
            if (text[at] === ',') at = space(text, at + 1);
        }
        if (!found) return undefined;
    }
    return text.slice(at, skipValue(text, at));
}

function valueAt(card, pointer) {
    return pointer.split('/').slice(1).reduce((from, key) => (from === null || from === undefined ? undefined : from[key.replaceAll('~1', '/').replaceAll('~0', '~')]), card);
}

// ---- one case

function checkJson(form, text, which, label) {
    const card = JSON.parse(text), bookOf = which.assets ?? {};
    for (const [pointer, want] of Object.entries(which.expect?.[form] ?? {})) {
        const got = valueAt(card, pointer);
        if (pointer === '/data/assets' && form !== 'v1') {
            assert.deepEqual(got?.map(({ uri, ...rest }) => rest), want.map(({ uri, ...rest }) => rest), `${label} ${form}${pointer}`);
            want.forEach((asset, i) => bookOf[i] || asset.uri === 'ccdefault:' || assert.equal(got[i].uri, asset.uri, `${label} ${form}${pointer}/${i}/uri`));
        } else {
            // Extensions may gain the program's own; those of the card must be there.
            if (pointer === '/data/extensions')
                for (const [key, value] of Object.entries(want)) assert.deepEqual(got?.[key], value, `${label} ${form}${pointer}/${key}`);
            else assert.deepEqual(got, want, `${label} ${form}${pointer}`);
        }
    }
    for (const [pointer, want] of Object.entries(which.raw?.[form] ?? {})) assert.equal(rawAt(text, pointer), want, `${label} ${form}${pointer}: text`);
    for (const pointer of which.absent?.[form] ?? []) assert.equal(valueAt(card, pointer), undefined, `${label} ${form}${pointer}: absent`);
}

const fromBase64 = (text) => Buffer.from(text, 'base64').toString('utf8');

function checkPng(bytes, which, label) {
    const found = texts(bytes);
    assert.ok(found.chara && found.ccv3, `${label}: both chunks`);
    checkJson('v3', fromBase64(found.ccv3), which, `${label} png`);
    checkJson('v2', fromBase64(found.chara), which, `${label} png`);
    const names = chunks(bytes).map(({ type, data }) => (type === 'tEXt' ? `tEXt:${data.toString('latin1', 0, data.indexOf(0))}` : type));
    assert.equal(names.at(-1), 'IEND');
    if (which.chunks)
        assert.deepEqual(names.filter((n) => which.chunks.includes(n)), which.chunks, `${label}: the picture's own chunks`);
    const card = JSON.parse(fromBase64(found.ccv3));
    for (const [index, want] of Object.entries(which.assets ?? {})) {
        const { uri } = card.data.assets[index];
        assert.match(uri, /^__asset:/, `${label} png asset ${index}`);
        assert.equal(sha256(Buffer.from(found[`chara-ext-asset_:${uri.slice(8)}`] ?? '', 'base64')), want, `${label} png asset ${index}`);
    }
}

function checkCharx(bytes, which, label) {
    const inside = unzip(bytes), text = inside['card.json'].toString();
    checkJson('v3', text, which, `${label} charx`);
    for (const [index, want] of Object.entries(which.assets ?? {})) {
        const { uri } = JSON.parse(text).data.assets[index];
        assert.match(uri, /^embedd?ed:\/\//, `${label} charx asset ${index}`);
        assert.equal(sha256(inside[uri.replace(/^embedd?ed:\/\//, '')] ?? ''), want, `${label} charx asset ${index}`);
    }
    for (const [path, want] of Object.entries(which.files ?? {})) assert.equal(sha256(inside[path] ?? ''), want, `${label} charx ${path}`);
}

async function checkAll(program, handle, which, label) {
    for (const form of ['v1', 'v2', 'v3']) {
        const bytes = which.expect?.[form] || which.raw?.[form] || which.absent?.[form] ? await program.write(handle, form) : null;
        if (bytes) checkJson(form, bytes.toString(), which, label);
    }
    const alone = which.assets ? await program.write(handle, 'v3') : null;
    for (const [index, want] of Object.entries(alone ? which.assets : {})) {
        const { uri } = JSON.parse(alone).data.assets[index];
        if (uri.startsWith('data:')) assert.equal(sha256(Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64')), want, `${label} v3 asset ${index}`);
    }
    const asPng = await program.write(handle, 'png'), asCharx = await program.write(handle, 'charx');
    if (asPng) checkPng(asPng, which, label);
    if (asCharx) checkCharx(asCharx, which, label);
}

export async function checkCase(program, which, bytes) {
    if (which.accept === false) {
        await assert.rejects(program.read(bytes, which.file), `${which.name} must be refused`);
        return;
    }
    const handle = await program.read(bytes, which.file);
    await checkAll(program, handle, which, which.name);
    for (const form of Object.keys(FILE_NAMES)) {
        const written = await program.write(handle, form);
        if (!written) continue;
        const again = await program.read(written, FILE_NAMES[form]);
        // Files beside the card are a CHARX's own; the addresses of assets are each form's own.
        const expect = { ...which, files: form === 'charx' ? which.files : undefined };
        await checkAll(program, again, expect, `${which.name}, read again from ${form}`);
    }
}
