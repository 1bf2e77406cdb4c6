// Makes the suite: every case's file, and manifest.json that says what must become of it. See README.md.
//
//   node make.mjs FOLDER
//
// The builders of pictures and zips are in ../../lib/cardfiles.mjs; nothing else is needed but Node.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { base64, chunk, exif, iTXt, jpeg, png, tEXt, webp, zip, zTXt } from '../../lib/cardfiles.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const clone = (value) => JSON.parse(JSON.stringify(value));

// ---- the three specifications, each field with a value that can be told from all others

const V1 = {
    name: 'Vera One', description: 'desc {{char}} "quoted" \\ back', personality: 'pers', scenario: 'scen\nline', first_mes: 'Hi {{user}}!',
    mes_example: '<START>\n{{user}}: a\n{{char}}: b'
};
const ENTRY = {
    keys: ['key one', 'key,two'], content: 'lore content', extensions: { position: 4, probability: 80, depth: 3, useProbability: true },
    enabled: true, insertion_order: 7, case_sensitive: true, name: 'entry name', priority: 9, id: 3, comment: 'a comment', selective: true,
    secondary_keys: ['second'], constant: false, position: 'before_char'
};
const BOOK = {
    name: 'book', description: 'book desc', scan_depth: 5, token_budget: 321, recursive_scanning: true, extensions: { book_x: [1, { a: null }] },
    entries: [ENTRY, { ...ENTRY, id: 4, enabled: false, position: 'after_char', constant: true }]
};
const V2 = {
    ...V1, creator_notes: 'notes', system_prompt: 'system {{original}}', post_history_instructions: 'post {{original}}',
    alternate_greetings: ['alt 1', 'alt 2'], character_book: BOOK, tags: ['Tag', 'tag', 'Ünï'], creator: 'maker', character_version: '1.2.3',
    extensions: { talkativeness: '0.7', fav: true, world: 'w', depth_prompt: { prompt: 'dp', depth: 4, role: 'system' }, other_tool: { deep: [[{}]] } }
};
const V3 = {
    ...V2, nickname: 'Vee', creator_notes_multilingual: { en: 'notes', de: 'Notizen' }, source: ['https://example.org/card', 'id:17'],
    group_only_greetings: ['group hello'], creation_date: 1700000000, modification_date: 1700000001,
    assets: [{ type: 'icon', uri: 'ccdefault:', name: 'main', ext: 'png' },
        { type: 'background', uri: 'https://example.org/bg.webp', name: 'main', ext: 'webp' },
        { type: 'x_custom', uri: 'ccdefault:', name: 'odd "name"', ext: 'unknown', more: { kept: 1 } }],
    character_book: { ...BOOK, entries: [{ ...ENTRY, id: 'text id', use_regex: true, keys: ['/a(b)c/i'], constant: false },
        { ...ENTRY, use_regex: false, constant: true, content: '@@depth 4\n@@role assistant\n@@@fallback\nText' }] }
};
const root2 = (data) => ({ spec: 'chara_card_v2', spec_version: '2.0', data });
const root3 = (data) => ({ spec: 'chara_card_v3', spec_version: '3.0', data });

// ---- cases

const cases = [], files = {};

/** JSON pointers (RFC 6901) of an object's members, with their values. */
function members(object, at = '') {
    const found = {};
    for (const [key, value] of Object.entries(object)) found[`${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`] = value;
    return found;
}

function add(name, ext, bytes, more) {
    const file = `${name}.${ext}`;
    files[file] = Buffer.from(bytes);
    cases.push({ name, file, ...more });
}

const v3Values = (data) => ({ '/spec': 'chara_card_v3', '/spec_version': '3.0', ...members(data, '/data') });
const v2Values = (data) => ({ '/spec': 'chara_card_v2', '/spec_version': '2.0', ...members(data, '/data') });
/** What a V2 card has of a V3 one: the V2 fields. */
const v2Part = (data) => Object.fromEntries(Object.entries(data).filter(([key]) => key in V2));

add('v1-json', 'json', JSON.stringify({ ...V1, create_date: '2023-1-1', avatar: 'none', metadata: { version: 1 } }), {
    about: 'V1: the flat object, with members of other tools beside.', expect: { v3: members(V1, '/data'), v2: members(V1, '/data'), v1: members(V1) },
    raw: { v3: { '/metadata': '{"version":1}', '/create_date': '"2023-1-1"' }, v1: { '/metadata': '{"version":1}' } }
});
add('v2-json', 'json', JSON.stringify(root2(V2)), { about: 'V2: every field.', expect: { v2: v2Values(V2), v3: members(V2, '/data') } });
add('v3-json', 'json', JSON.stringify(root3(V3)), { about: 'V3: every field.', expect: { v3: v3Values(V3), v2: v2Values(v2Part(V3)) } });
add('v3-json-pretty', 'json', JSON.stringify(root3(V3), null, 4), { about: 'White space between values.', expect: { v3: v3Values(V3) } });

for (const [field, value] of Object.entries(V2)) {
    const data = { name: 'Only', [field]: value };
    add(`v2-only-${field}`, 'json', JSON.stringify(root2(data)), {
        about: `V2 with no field but name and ${field}.`, expect: { v2: members(data, '/data'), v3: members(data, '/data') }
    });
}
for (const field of Object.keys(V3).filter((f) => !(f in V2) || f === 'character_book')) {
    const data = { name: 'Only', [field]: V3[field] };
    add(`v3-only-${field}`, 'json', JSON.stringify(root3(data)), { about: `V3 with no field but name and ${field}.`, expect: { v3: members(data, '/data') } });
}
for (const field of Object.keys(ENTRY)) {
    const book = { extensions: {}, entries: [{ keys: ['k'], content: 'c', extensions: {}, enabled: true, insertion_order: 1, [field]: ENTRY[field] }] };
    add(`book-entry-${field}`, 'json', JSON.stringify(root2({ name: 'Booked', character_book: book })), {
        about: `A lorebook entry with ${field}.`, expect: { v2: { '/data/character_book': book }, v3: { '/data/character_book': book } }
    });
}

// Text that must not change.
const ODD = {
    '1e400': '1E400', negative_zero: '-0', point: '0.10', exponent: '-1.50e+07', long: '123456789012345678901234567890', spaced: '[ 1 ,\t2 ]',
    escapes: '"\\u0041\\/\\ud83d\\ude00"', order: '{"b":1,"a":2,"":3}', nothing: 'null', empty: '{}', yes: 'true', nested: '{"a":{"b":[{"c":1.0}]}}'
};
const oddText = Object.entries(ODD).map(([key, raw]) => `${JSON.stringify(key)}:${raw}`).join(',');
const oddRaw = (at) => Object.fromEntries(Object.entries(ODD).map(([key, raw]) => [`${at}/${key}`, raw]));
add('raw-v3', 'json', `{"spec":"chara_card_v3","spec_version":"3.0",${oddText.replace(/"nothing":null,/, '')},"data":{"name":"Raw",${oddText},"extensions":{${oddText},"tool":{${oddText}}}}}`, {
    about: 'Unknown members anywhere keep their original text.',
    raw: { v3: { ...oddRaw('/data'), ...oddRaw('/data/extensions'), ...oddRaw('/data/extensions/tool') } }
});
add('raw-v2', 'json', `{"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Raw",${oddText},"extensions":{${oddText}}}}`, {
    about: 'The same of V2, in both cards written.', raw: { v2: { ...oddRaw('/data'), ...oddRaw('/data/extensions') }, v3: { ...oddRaw('/data'), ...oddRaw('/data/extensions') } }
});
add('raw-book', 'json', `{"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Raw","character_book":{"entries":[{"keys":["a"],"content":"b","extensions":{${oddText}},"enabled":true,"insertion_order":1,${oddText}}],${oddText}},"extensions":{}}}`, {
    about: 'Unknown members of a lorebook.', raw: { v3: { ...oddRaw('/data/character_book'), ...oddRaw('/data/character_book/entries/0'), ...oddRaw('/data/character_book/entries/0/extensions') } }
});
add('wrong-types', 'json', `{"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Odd","tags":"not a list","personality":17,"alternate_greetings":[1,2],"extensions":{}}}`, {
    about: 'Known members of another type are kept as they are.', raw: { v3: { '/data/tags': '"not a list"', '/data/personality': '17', '/data/alternate_greetings': '[1,2]' } }
});
add('nulls', 'json', '{"spec":"chara_card_v3","spec_version":"3.0","data":{"name":"Null","description":null,"assets":null,"creation_date":null,"extensions":{}}}', {
    about: 'null for a field.', raw: { v3: { '/data/assets': 'null', '/data/creation_date': 'null' } }
});
const unicode = { name: '名前 🌸 Ω', description: 'Привет\u2028line\ttab\u0001', tags: ['日本', '🌸'] };
add('unicode', 'json', JSON.stringify(root3(unicode)), { about: 'Any letters.', expect: { v3: members(unicode, '/data') } });
add('ascii-escapes', 'json', JSON.stringify(root3(unicode)).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`), {
    about: 'The same, as Python writes it.', expect: { v3: members(unicode, '/data') }
});
add('byte-order-mark', 'json', `\ufeff${JSON.stringify(root3(unicode))}`, { about: 'UTF-8 with a byte order mark.', expect: { v3: members(unicode, '/data') } });
add('utf-16-le', 'json', Buffer.from(`\ufeff${JSON.stringify(root3(unicode))}`, 'utf16le'), { about: 'UTF-16, little-endian.', expect: { v3: members(unicode, '/data') } });
add('utf-16-be', 'json', Buffer.from(`\ufeff${JSON.stringify(root3(unicode))}`, 'utf16le').swap16(), { about: 'UTF-16, big-endian.', expect: { v3: members(unicode, '/data') } });
add('deep', 'json', `{"spec":"chara_card_v3","spec_version":"3.0","data":{"name":"Deep","x":${'['.repeat(40)}1${']'.repeat(40)},"extensions":{}}}`, {
    about: 'Forty arrays deep.', raw: { v3: { '/data/x': `${'['.repeat(40)}1${']'.repeat(40)}` } }
});
add('v2-with-v1-copies', 'json', JSON.stringify({ ...V1, ...root2(V2), create_date: 'x' }), {
    about: 'V2 with copies of the V1 fields at the root, as SillyTavern writes it.', expect: { v2: { ...v2Values(V2), ...members(V1) } }, raw: { v2: { '/create_date': '"x"' } }
});

// Pictures.
const text2 = JSON.stringify(root2(V2)), text3 = JSON.stringify(root3(V3));
const beside = [chunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f])), tEXt('Title', 'A picture'), chunk('prVt', Buffer.from([1, 2, 3]))];
const kept = ['gAMA', 'tEXt:Title', 'prVt', 'IDAT'];
add('v2-png', 'png', png({ before: beside, after: [tEXt('chara', base64(text2))] }), { about: 'V2 in tEXt.', expect: { v2: v2Values(V2) }, chunks: kept });
add('v3-png', 'png', png({ before: [...beside, tEXt('ccv3', base64(text3))] }), { about: 'V3 in tEXt, before the pixels.', expect: { v3: v3Values(V3) }, chunks: kept });
add('png-keyword-case', 'png', png({ after: [tEXt('ChArA', base64(text2)), tEXt('CCV3', base64(text3))] }), { about: 'Keywords in any case.', expect: { v3: v3Values(V3) } });
add('png-v3-wins', 'png', png({ after: [tEXt('ccv3', base64(JSON.stringify(root3({ ...V3, name: 'Three' })))), tEXt('chara', base64(JSON.stringify(root2({ ...V2, name: 'Two' }))))] }), {
    about: 'ccv3 wins, wherever it stands; the V2 card stays what it was.', expect: { v3: { '/data/name': 'Three' }, v2: { '/data/name': 'Two' } }
});
add('png-zTXt', 'png', png({ before: [zTXt('chara', base64(text2))] }), { about: 'V2 in zTXt.', expect: { v2: v2Values(V2) } });
add('png-iTXt', 'png', png({ before: [iTXt('ccv3', base64(text3))] }), { about: 'V3 in iTXt.', expect: { v3: v3Values(V3) } });
add('png-iTXt-packed', 'png', png({ before: [iTXt('ccv3', base64(text3), true)] }), { about: 'V3 in compressed iTXt.', expect: { v3: v3Values(V3) } });
add('png-plain-json', 'png', png({ before: [iTXt('chara', text2)] }), { about: 'JSON that is not base64.', expect: { v2: v2Values(V2) } });
add('png-tail', 'png', png({ before: [tEXt('chara', base64(text2))], tail: Buffer.from('something after the end') }), { about: 'Bytes after IEND.', expect: { v2: v2Values(V2) } });
const happy = Buffer.from('happy face bytes'), bytesB = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 255));
const assets = [{ type: 'icon', uri: 'ccdefault:', name: 'main', ext: 'png' }, { type: 'emotion', uri: '__asset:0', name: 'happy', ext: 'png' },
    { type: 'x_thing', uri: '__asset:7', name: 'thing', ext: 'bin' }];
for (const [name, colon] of [['png-assets', ':'], ['png-assets-plain', '']])
    add(name, 'png', png({ after: [tEXt('ccv3', base64(JSON.stringify(root3({ ...V3, assets })))), tEXt(`chara-ext-asset_${colon}0`, happy.toString('base64')),
        tEXt(`chara-ext-asset_${colon}7`, bytesB.toString('base64'))] }), {
        about: `Assets in chunks chara-ext-asset_${colon}N.`, expect: { v3: { '/data/assets/1/name': 'happy', '/data/assets/2/type': 'x_thing' } },
        assets: { 1: sha256(happy), 2: sha256(bytesB) }
    });
// A hybrid in SillyTavern's own form: the V2 chunk with its V1 copies, and extras of its own.
const hybrid2 = { ...V1, ...root2({ ...V2, extensions: { ...V2.extensions, only_v2: { a: [1] } } }), fav: false, create_date: '2024-05-05@10h00m00s' };
const hybrid3 = { ...V1, ...root3({ ...V3, extensions: { ...V3.extensions, only_v3: 3 } }) };
add('hybrid-png', 'png', png({ before: beside, after: [
    tEXt('chara', base64(JSON.stringify(hybrid2).replace('"fav":false', '"fav":false,"v2_number":1E400'))),
    tEXt('ccv3', base64(JSON.stringify(hybrid3).replace('"nickname"', '"v3_number":-0.0,"nickname"')))] }), {
    about: 'Both chunks, each with what only it says.', expect: { v3: v3Values(hybrid3.data), v2: { ...v2Values(hybrid2.data), '/fav': false } },
    raw: { v2: { '/v2_number': '1E400', '/data/extensions/only_v2': '{"a":[1]}' }, v3: { '/data/v3_number': '-0.0', '/data/extensions/only_v3': '3' } },
    absent: { v3: ['/v2_number', '/data/extensions/only_v2', '/create_date'], v2: ['/data/v3_number', '/data/extensions/only_v3', '/data/nickname'] }, chunks: kept
});

// CHARX and zips.
const main = png({ seed: 7 });
const charxCard = root3({ ...V3, assets: [{ type: 'icon', uri: 'embeded://assets/icon/images/main.png', name: 'main', ext: 'png' },
    { type: 'emotion', uri: 'embeded://assets/emotion/images/Glücklich 1.png', name: 'happy', ext: 'png' },
    { type: 'x_risu_asset', uri: 'embedded://assets/other/other/b.bin', name: 'b', ext: 'bin' },
    { type: 'background', uri: 'https://example.org/x.png', name: 'main', ext: 'png' }] });
const charxFiles = {
    'card.json': JSON.stringify(charxCard), 'assets/icon/images/main.png': main, 'assets/emotion/images/Glücklich 1.png': happy,
    'assets/other/other/b.bin': bytesB, 'module.risum': Buffer.from([0x6f, 0, 1, 2, 3]), 'x_meta/0.json': '{"type":"WEBP"}', 'image/extra.png': png({ seed: 9 })
};
const charxExpect = {
    expect: { v3: v3Values(charxCard.data) }, assets: { 0: sha256(main), 1: sha256(happy), 2: sha256(bytesB) },
    files: Object.fromEntries(['module.risum', 'x_meta/0.json', 'image/extra.png'].map((path) => [path, sha256(Buffer.from(charxFiles[path]))]))
};
add('charx', 'charx', zip(charxFiles), { about: 'CHARX with assets and files of other tools.', ...charxExpect });
add('charx-in-jpeg', 'jpeg', jpeg({ tail: zip(charxFiles) }), { about: 'A CHARX behind a JPEG, offsets from its own beginning.', ...charxExpect });
const jpegHead = jpeg();
add('charx-in-jpeg-absolute', 'jpeg', (() => {
    // The same with offsets that count from the file's beginning, as zip tools rewrite them.
    const bytes = Buffer.from(zip(charxFiles)), end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    let at = bytes.readUInt32LE(end + 16);
    bytes.writeUInt32LE(at + jpegHead.length, end + 16);
    for (let i = bytes.readUInt16LE(end + 10); i > 0; i--) {
        bytes.writeUInt32LE(bytes.readUInt32LE(at + 42) + jpegHead.length, at + 42);
        at += 46 + bytes.readUInt16LE(at + 28);
    }
    return Buffer.concat([jpegHead, bytes]);
})(), { about: 'The same, offsets from the file\'s beginning.', ...charxExpect });
add('zip-with-png', 'zip', zip({ 'readme.txt': 'hello', 'cards/vera.png': png({ after: [tEXt('chara', base64(text2))] }) }), { about: 'A zip with a PNG card in it.', expect: { v2: v2Values(V2) } });
add('zip-with-json', 'zip', zip({ 'vera.json': text2 }), { about: 'A zip with a JSON card in it.', expect: { v2: v2Values(V2) } });
add('zip-with-folder', 'zip', zip(Object.fromEntries(Object.entries(charxFiles).map(([k, v]) => [`Vera/${k}`, v]))), { about: 'A CHARX that was packed with its folder.', ...charxExpect });
add('data-addresses', 'json', JSON.stringify(root3({ ...V3, assets: [{ type: 'icon', uri: `data:image/png;base64,${main.toString('base64')}`, name: 'main', ext: 'png' },
    { type: 'x_b', uri: `data:;base64,${bytesB.toString('base64')}`, name: 'b', ext: 'bin' }] })), {
    about: 'Assets as data: addresses in JSON.', assets: { 0: sha256(main), 1: sha256(bytesB) }
});

// Other pictures.
const escaped = text2.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const utf16 = (text) => Buffer.from(text, 'utf16le');
const others = {
    'jpeg-exif': jpeg({ exif: exif(base64(text2)) }), 'jpeg-exif-json': jpeg({ exif: exif(text2, { big: true }) }),
    'jpeg-exif-unicode': jpeg({ exif: exif(utf16(base64(text2)), { code: 'UNICODE\0' }) }), 'jpeg-exif-description': jpeg({ exif: exif(base64(text2), { tag: 'description' }) }),
    'jpeg-comment': jpeg({ comment: base64(text2) }), 'jpeg-comment-keyword': jpeg({ comment: `chara\0${base64(text2)}` }),
    'jpeg-xmp-element': jpeg({ xmp: `<x:xmpmeta xmlns:x="adobe:ns:meta/"><c:chara>${base64(text2)}</c:chara></x:xmpmeta>` }),
    'jpeg-xmp-attribute': jpeg({ xmp: `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description c:chara="${escaped}"/></x:xmpmeta>` })
};
for (const [name, bytes] of Object.entries(others)) add(name, 'jpeg', bytes, { about: 'V2 inside a JPEG.', expect: { v2: v2Values(V2) } });
add('webp-exif', 'webp', webp({ exif: exif(base64(text2)) }), { about: 'V2 inside a WebP.', expect: { v2: v2Values(V2) } });
add('webp-xmp', 'webp', webp({ xmp: `<a:chara>${base64(text2)}</a:chara>` }), { about: 'V2 inside a WebP, in XMP.', expect: { v2: v2Values(V2) } });

// What no reader should take (the hostile set of the project that wrote this suite has many more).
const refuse = { accept: false };
add('no-card-png', 'png', png(), { about: 'A picture without a card.', ...refuse });
add('truncated-png', 'png', png({ after: [tEXt('chara', base64(text2))] }).subarray(0, 300), { about: 'A PNG that ends in its middle.', ...refuse });
add('lorebook', 'json', JSON.stringify({ spec: 'lorebook_v3', data: BOOK }), { about: 'A lorebook is no character.', ...refuse });
add('unknown-spec', 'json', JSON.stringify({ spec: 'something_else', data: V2 }), { about: 'Another specification.', ...refuse });
add('no-name', 'json', JSON.stringify(root2({ description: 'x' })), { about: 'A card without a name.', ...refuse });
add('escaping-charx', 'charx', zip({ 'card.json': text3, '../escape.txt': 'x' }), { about: 'A path that leads out of the zip.', ...refuse });

export const suite = () => ({ cases: clone(cases), files });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const folder = process.argv[2] ?? 'out';
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify({ version: 1, cases }, null, 1)}\n`);
    console.log(`${cases.length} cases in ${folder}`);
}
