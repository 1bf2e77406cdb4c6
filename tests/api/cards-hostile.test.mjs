// Hostile card files: each is refused with its status, in a sentence that says what is wrong, quickly; and the server is as
// well afterwards as before.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { base64, chunk, END, exif, header, iTXt, jpeg, pixels, png, PNG_MARK, tEXt, webp, zip, zTXt } from '../lib/cardfiles.mjs';
import { removeFolder, request, startServer } from '../lib/server.mjs';

const V3 = (more = {}, root = {}) => ({ spec: 'chara_card_v3', spec_version: '3.0', data: { name: 'H', ...more }, ...root });
const good = JSON.stringify(V3());
const cardPng = png({ after: [tEXt('ccv3', base64(good))] });
const charx = (files = {}, options) => zip({ 'card.json': good, ...files }, options);
const deep = (n) => '['.repeat(n) + ']'.repeat(n);
const nul = String.fromCharCode(0);
const zeros = (n) => Buffer.alloc(n);
const cut = (bytes, part) => bytes.subarray(0, Math.floor(bytes.length * part));
const flip = (bytes, at) => {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? copy.length + at : at] ^= 0x40;
    return copy;
};
const assetCard = (uri) => JSON.stringify(V3({ assets: [{ type: 'icon', name: 'main', ext: 'png', uri }] }));
const many = (n, make) => Object.fromEntries(Array.from({ length: n }, (_, i) => [make(i), 'x']));
const bomb = zeros(64 << 20);
const packedBomb = zlib.deflateRawSync(bomb, { level: 9 });
const rawPng = (...parts) => Buffer.concat([PNG_MARK, ...parts]);
const local = (bytes) => bytes.readUInt32LE(bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16);
const patch = (bytes, at, ...values) => {
    const copy = Buffer.from(bytes);
    copy.set(values, at);
    return copy;
};

// [what, bytes, status, words]
const HOSTILE = [
    // nothing and the wrong thing
    ['nothing', '', 400, /Send a character card/],
    ['text', 'Dear Sir,', 415, /no character card/],
    ['a page', '<!DOCTYPE html><html></html>', 415, /no character card/],
    ['an executable', Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), 415, /no character card/],
    ['a PDF', '%PDF-1.7', 415, /no character card/],
    ['a GIF', 'GIF89a\x01\x00\x01\x00', 415, /no character card/],
    ['gzip', zlib.gzipSync(good), 415, /no character card/],
    ['a RAR', 'Rar!\x1a\x07\x01\x00', 415, /no character card/],
    ['a 7z', Buffer.from('377abcaf271c0004', 'hex'), 415, /no character card/],
    ['zeros', zeros(4096), 415, /no character card/],
    ['base64 of a card', base64(good), 415, /no character card/],
    // JSON
    ['half a JSON', cut(Buffer.from(good), 0.6), 400, /malformed/],
    ['two JSONs', good + good, 400, /follows after/],
    ['a list', '[1,2]', 415, /no character card/],
    ['an empty object', '{}', 400, /no name/],
    ['an object of something else', '{"openapi":"3.0"}', 400, /no name/],
    ['no data', '{"spec":"chara_card_v3"}', 400, /no 'data'/],
    ['data is a list', '{"spec":"chara_card_v2","data":[]}', 400, /no 'data'/],
    ['an unknown spec', '{"spec":"chara_card_zz","data":{"name":"x"}}', 400, /spec/],
    ['a lorebook', '{"spec":"lorebook_v3","data":{"entries":[]}}', 422, /lorebook/],
    ['an empty name', '{"spec":"chara_card_v2","data":{"name":"  "}}', 400, /no name/],
    ['a name that is a number', '{"spec":"chara_card_v2","data":{"name":7}}', 400, /no name/],
    ['a name of 100,000', JSON.stringify(V3({ name: 'n'.repeat(100000) })), 422, /name has/],
    ['the same member twice', '{"spec":"chara_card_v3","data":{"name":"a","name":"b"}}', 400, /twice/],
    ['the same member twice, escaped', '{"spec":"chara_card_v3","data":{"name":"a","n\\u0061me":"b"}}', 400, /twice/],
    ['a NUL escape', '{"spec":"chara_card_v3","data":{"name":"a\\u0000b"}}', 400, /NUL/],
    ['a NUL byte', `{"spec":"chara_card_v3","data":{"name":"a${nul}b"}}`, 400, /control character/],
    ['a lone surrogate', '{"spec":"chara_card_v3","data":{"name":"a\\ud800b"}}', 400, /surrogate/],
    ['bad UTF-8', Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","first_mes":""}')]), 400, /UTF-8/],
    ['overlong UTF-8', Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('","first_mes":""}')]), 400, /UTF-8/],
    ['UTF-16 with half a character', Buffer.from([0xff, 0xfe, 0x7b, 0, 0, 0xd8, 0x7d, 0]), 400, /UTF-16/],
    ['UTF-16 of odd length', Buffer.from([0xff, 0xfe, 0x7b, 0, 0x7d]), 400, /UTF-16/],
    ['deeper than any card', JSON.stringify(V3()).replace('"H"', `"H","x":${deep(60)}`), 400, /nested/],
    ['a million deep', `{"spec":"chara_card_v3","data":{"name":"x","y":${deep(500000)}}}`, 400, /nested/],
    ['a million deep, never closed', '{"a":'.repeat(500000), 400, /nested/],
    ['a million values', `{"spec":"chara_card_v3","data":{"name":"x","y":[${'1,'.repeat(999999)}1]}}`, 400, /200000 values/],
    ['five megabytes of text', JSON.stringify(V3({ description: 'd'.repeat(5 << 20) })), 413, /bytes/],
    ['comments in JSON', '{/* x */"name":"x","first_mes":""}', 400, /malformed/],
    ['NaN', '{"name":"x","first_mes":"","y":NaN}', 400, /malformed/],
    ['thousands of data: assets', JSON.stringify(V3({ assets: Array.from({ length: 3000 }, () => ({ type: 'x', uri: 'data:;base64,AAAA', name: 'a', ext: 'b' })) })), 413, /assets/],
    // PNG
    ...[0.05, 0.2, 0.5, 0.9, 0.99].map((part) => [`a PNG cut at ${part}`, cut(cardPng, part), 400, /copied whole|damaged/]),
    ['only the mark of a PNG', PNG_MARK, 400, /copied whole/],
    ['a PNG spoilt by a transfer as text', Buffer.concat([Buffer.from('\x89PNG\n\x1a\n', 'latin1'), cardPng.subarray(8)]), 400, /damaged/],
    ['a chunk of 4 GB', rawPng(header(), chunk('tEXt', Buffer.from('chara\0'), { length: 0xffffffff })), 400, /claims/],
    ['a chunk of 2 GB less one', rawPng(header(), chunk('tEXt', Buffer.from('chara\0'), { length: 0x7fffffff }), END), 400, /copied whole/],
    ['a wrong checksum', png({ after: [chunk('tEXt', Buffer.from(`ccv3\0${base64(good)}`), { crc: 1 })] }), 400, /checksum/],
    ['one bit flipped in the card', flip(cardPng, -60), 400, /checksum/],
    ['no header', rawPng(pixels(), tEXt('ccv3', base64(good)), END), 400, /IHDR/],
    ['a header of one byte', rawPng(chunk('IHDR', Buffer.from([1])), END), 400, /IHDR/],
    ['no end', rawPng(header(), pixels(), tEXt('ccv3', base64(good))), 400, /copied whole/],
    ['a picture without a card', png(), 422, /without a character card/],
    ['a card after the end', Buffer.concat([png(), tEXt('ccv3', base64(good))]), 422, /without a character card/],
    ['a chunk that is no base64', png({ after: [tEXt('ccv3', '!!!!')] }), 400, /neither JSON nor base64/],
    ['base64 of nothing', png({ after: [tEXt('ccv3', '')] }), 400, /neither JSON nor base64/],
    ['base64 of noise', png({ after: [tEXt('chara', base64('noise'))] }), 400, /neither JSON nor base64/],
    ['base64 cut off', png({ after: [tEXt('chara', base64(good).slice(0, 41))] }), 400, /base64|malformed/],
    ['half a card in base64', png({ after: [tEXt('chara', base64(good.slice(0, 30)))] }), 400, /malformed/],
    ['a zTXt bomb', png({ after: [chunk('zTXt', Buffer.concat([Buffer.from('chara\0\0'), zlib.deflateSync(bomb, { level: 9 })]))] }), 413, /times its size/],
    ['an iTXt bomb', png({ after: [chunk('iTXt', Buffer.concat([Buffer.from('ccv3\0\x01\0\0\0'), zlib.deflateSync(bomb, { level: 9 })]))] }), 413, /times its size/],
    ['a broken zTXt', png({ after: [chunk('zTXt', Buffer.from('chara\0\0not zlib'))] }), 400, /unpacked/],
    ['a cut zTXt', png({ after: [(() => { const whole = zTXt('chara', base64(good)); return chunk('zTXt', whole.subarray(8, -30)); })()] }), 400, /unpacked/],
    ['a cut iTXt', png({ after: [chunk('iTXt', Buffer.from('ccv3\0\x01'))] }), 400, /unpacked|neither/],
    ['a hundred thousand chunks', rawPng(header(), ...Array(100001).fill(chunk('teSt')), pixels(), END), 413, /chunks/],
    ['three thousand assets', png({ after: [tEXt('ccv3', base64(good)), ...Array.from({ length: 3000 }, (_, i) => tEXt(`chara-ext-asset_:${i}`, 'AAAA'))] }), 413, /more than 2000/],
    ['an asset that is no base64', png({ after: [tEXt('ccv3', base64(good)), tEXt('chara-ext-asset_:1', '*')] }), 400, /not base64/],
    ['a card in a card of zip in PNG', png({ tail: zip({ '../x': 'y' }) }), 422, /path/],
    // zip
    ...[0.1, 0.5, 0.9, 0.97].map((part) => [`a zip cut at ${part}`, cut(charx({ a: 'b'.repeat(200) }), part), 400, /copied whole|damaged/]),
    ['an empty zip', zip({}), 422, /no character card/],
    ['only the mark of a zip', 'PK\x03\x04', 400, /damaged/],
    ['a zip without a card', zip({ 'a.txt': 'x' }), 422, /no character card/],
    ['a zip with two cards', zip({ 'a.json': good, 'b.png': cardPng }), 422, /more than one card/],
    ['a card.json that is noise', zip({ 'card.json': 'noise' }), 400, /neither JSON/],
    ['a card.json that is empty', zip({ 'card.json': '' }), 400, /neither JSON/],
    ['a card.json that is a PNG', zip({ 'card.json': png() }), 400, /neither JSON/],
    ...['../x', 'a/../../x', '/etc/passwd', 'C:/x', 'a\\b', '..\\x', './x', 'a//b', 'a/./b', 'a\nb', 'a\x7fb', `${'d/'.repeat(40)}x`, 'n'.repeat(600)].map((path) =>
        [`the path ${JSON.stringify(path.slice(0, 20))}`, charx({ [path]: 'x' }), 422, /path/]),
    ['a NUL in a path', charx({}, {}) && zip([['card.json', good], ['x', { bytes: 'y', rawName: Buffer.from('a\0b.png') }]]), 422, /NUL/],
    ['a path that is no UTF-8', zip([['card.json', good], ['x', { bytes: 'y', rawName: Buffer.from([0x61, 0xff, 0xfe]) }]]), 0, /path|damaged/],
    ['two files of one name', zip([['card.json', good], ['a', '1'], ['a', '2']]), 422, /two files/],
    ['two cards of one name', zip([['card.json', good], ['card.json', good]]), 422, /two files/],
    ['a bomb of 64 MB', zip({ 'card.json': good, 'a.bin': { bytes: zeros(100), body: packedBomb, method: 8, size: 64 << 20, crc: 0 } }), 413, /times its size/],
    ['a bomb that says it is small', zip({ 'card.json': good, 'a.bin': { bytes: zeros(100), body: packedBomb, method: 8, size: 100, crc: 0 } }), 400, /not as large as it says|damaged/],
    ['a bomb in card.json', zip({ 'card.json': { bytes: zeros(10), body: packedBomb, method: 8, size: 64 << 20, crc: 0 } }), 413, /times its size/],
    ['a file that says 4 GB', zip({ 'card.json': good, a: { bytes: 'x', store: true, size: 0xfffffffe } }), 413, /times its size|bytes/],
    ['many files that overlap', zip([['card.json', good], ...Array.from({ length: 1500 }, (_, i) => [`f${i}`, { bytes: zeros(200000), body: Buffer.alloc(0), store: true, packed: 200000, at: 0 }])]), 0, /unpacks|damaged|copied|large/],
    ['three thousand files', charx(many(3000, (i) => `f${i}`)), 413, /files in it/],
    ['a count that lies, low', charx({ a: 'b' }, { count: 1 }), 0, null],
    ['a count that lies, high', charx({ a: 'b' }, { count: 1000 }), 400, /damaged/],
    ['a count of 65535', charx({}, { count: 65535 }), 413, /files in it/],
    ['a directory that is cut', charx({ a: 'b' }, { cutDirectory: 30 }), 400, /damaged/],
    ['a directory far away', charx({}, { offset: 0x7fffffff }), 400, /damaged/],
    ['a directory before the start', charx({}, { offset: 5 }), 400, /damaged|copied/],
    ['a file with a password', zip({ 'card.json': { bytes: good, store: true, flags: 0x801 } }), 422, /password/],
    ['packed by bzip2', zip({ 'card.json': { bytes: good, store: true, method: 12 } }), 422, /method/],
    ['packed by a method of fancy', zip({ 'card.json': { bytes: good, store: true, method: 99 } }), 0, /method|password|damaged/],
    ['a wrong checksum in a zip', zip({ 'card.json': { bytes: good, crc: 1 } }), 400, /damaged/],
    ['local headers elsewhere', zip([['card.json', { bytes: good, at: 0x7fffff00 }]]), 400, /damaged/],
    ['a card that names ../', zip({ 'card.json': assetCard('embeded://../../etc/passwd') }), 422, /out of its folder/],
    ['a card that names an absolute path', zip({ 'card.json': assetCard('embeded:///etc/passwd') }), 422, /out of its folder/],
    ['a zip in a zip', zip({ 'inner.zip': charx() }), 422, /no character card/],
    ['a card.json too deep', zip({ 'card.json': `{"spec":"chara_card_v3","data":{"name":"x","y":${deep(1000)}}}` }), 400, /nested/],
    // JPEG and WebP
    ['a JPEG without a card', jpeg(), 422, /without a character card/],
    ['a JPEG cut', cut(jpeg({ exif: exif(base64(good)) }), 0.5), 400, /copied whole/],
    ['EXIF that points outside', jpeg({ exif: patch(exif(base64(good)), 18, 0xff, 0xff, 0xff, 0x7f) }), 422, /without a character card/],
    ['EXIF that points at itself', jpeg({ exif: patch(exif(base64(good)), 18, 8, 0, 0, 0) }), 422, /without a character card/],
    ['EXIF with a value of 4 GB', jpeg({ exif: patch(exif(base64(good)), 32, 0xff, 0xff, 0xff, 0xff) }), 422, /without a character card/],
    ['EXIF of three bytes', jpeg({ exif: Buffer.from('II*') }), 422, /without a character card/],
    ['XMP never closed', jpeg({ xmp: '<c:chara>{"name":"x"' }), 422, /without a character card/],
    ['a JPEG with a zip that is cut', cut(jpeg({ tail: charx() }), 0.9), 422, /without a character card/],
    ['a JPEG with a hostile zip', jpeg({ tail: charx({ '../x': 'y' }) }), 422, /path/],
    ['a WebP without a card', webp(), 422, /without a character card/],
    ['a WebP cut', cut(webp({ exif: exif(base64(good)) }), 0.7), 400, /copied whole/],
    ['a WebP chunk of 4 GB', patch(webp({ xmp: '<a:chara>x' }), 16, 0xff, 0xff, 0xff, 0xff), 400, /copied whole/]
];

let server;
before(async () => {
    server = await startServer({ args: ['--card.file_max=32M'] });
});
after(async () => {
    await server.stop();
    removeFolder(server.data);
});

const importBytes = async (bytes, type = 'application/octet-stream') => {
    const answer = await fetch(`${server.url}/api/personas/import`, { method: 'POST', body: bytes, headers: { 'Content-Type': type } });
    return { status: answer.status, body: await answer.json().catch(() => null) };
};
const people = async () => (await request(server, 'GET', '/api/personas?limit=1&total=true')).body.total;
const memory = () => Number(readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024;

test(`${HOSTILE.length} hostile files are refused in words`, async () => {
    assert.ok(HOSTILE.length >= 100);
    const before = await people();
    let came = 0;
    const wrong = [];
    for (const [what, bytes, status, words] of HOSTILE) {
        const from = Date.now(), { status: got, body } = await importBytes(bytes);
        if (words === null) {
            // It may be read either way; what counts is that it is answered.
            came += got === 201 ? 1 : 0;
            continue;
        }
        const said = body?.error?.message ?? '', sentence = /^[A-Z'][^]*[.]$/.test(said), took = Date.now() - from;
        const refused = got >= 400 && got < 500 && (!status || got === status);
        if (!refused || !words.test(said) || !sentence || took > 15000) wrong.push(`${what}: ${got} "${said}" in ${took} ms`);
    }
    assert.deepEqual(wrong, []);
    assert.equal(await people(), before + came, 'nobody came of them');
    const after = await importBytes(cardPng);
    assert.equal(after.status, 201, 'the server is well');
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    assert.ok(!/signal|crash|failed on it/.test(server.log), server.log);
});

test('a file over the limit is refused before it is read', async () => {
    const { status } = await importBytes(zeros(40 << 20));
    assert.equal(status, 413);
    assert.ok(memory() < 1024, `${memory()} MB`);
});

test('many hostile files at once', async () => {
    const answers = await Promise.all(HOSTILE.filter(([, bytes]) => bytes.length < 1 << 20).map(([, bytes]) => importBytes(bytes)));
    assert.ok(answers.every(({ status }) => status < 500 || status === 503), JSON.stringify(answers.filter((a) => a.status >= 500)));
    assert.equal((await importBytes(good)).status, 201);
});
