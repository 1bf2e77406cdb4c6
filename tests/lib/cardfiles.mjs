// Card files as other tools make them, for tests, benches and the conformance suite: PNG, zip, JPEG, WebP by hand, so that
// they can also be made wrong. Depends on nothing but Node.
import zlib from 'node:zlib';

const CRC = new Uint32Array(256).map((_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
});

export function crc32(bytes) {
    if (zlib.crc32) return zlib.crc32(bytes) >>> 0;
    let c = 0xffffffff;
    for (const b of bytes) c = CRC[(c ^ b) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
}

export const base64 = (text) => Buffer.from(text).toString('base64');

// ---- PNG

export const PNG_MARK = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function chunk(type, data = Buffer.alloc(0), { length = data.length, crc } = {}) {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(length >>> 0, 0);
    out.write(type, 4, 'latin1');
    Buffer.from(data).copy(out, 8);
    out.writeUInt32BE(crc ?? crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
}

export const header = (width = 2, height = 2) => {
    const data = Buffer.alloc(13);
    data.writeUInt32BE(width, 0);
    data.writeUInt32BE(height, 4);
    data.set([8, 0, 0, 0, 0], 8);
    return chunk('IHDR', data);
};
export const pixels = (seed = 0) => chunk('IDAT', zlib.deflateSync(Buffer.from([0, seed & 255, 128, 0, 64, (seed >> 8) & 255])));
export const END = chunk('IEND');

/** A picture of two by two; `before` and `after` are chunks on either side of its pixels. */
export function png({ before = [], after = [], seed = 0, tail = Buffer.alloc(0) } = {}) {
    return Buffer.concat([PNG_MARK, header(), ...before, pixels(seed), ...after, END, tail]);
}

export const tEXt = (key, value) => chunk('tEXt', Buffer.concat([Buffer.from(`${key}\0`, 'latin1'), Buffer.from(value, 'latin1')]));
export const zTXt = (key, value) => chunk('zTXt', Buffer.concat([Buffer.from(`${key}\0\0`, 'latin1'), zlib.deflateSync(Buffer.from(value))]));
export const iTXt = (key, value, packed = false) =>
    chunk('iTXt', Buffer.concat([Buffer.from(`${key}\0`, 'latin1'), Buffer.from([packed ? 1 : 0, 0]), Buffer.from('en\0key\0'),
        packed ? zlib.deflateSync(Buffer.from(value)) : Buffer.from(value)]));

/** Every chunk of a PNG as {type, data}. */
export function chunks(bytes) {
    const found = [];
    for (let at = 8; at < bytes.length;) {
        const n = bytes.readUInt32BE(at);
        found.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + 8 + n) });
        at += 12 + n;
    }
    return found;
}

/** The texts of a PNG's tEXt chunks by keyword. */
export function texts(bytes) {
    const found = {};
    for (const { type, data } of chunks(bytes)) {
        if (type !== 'tEXt') continue;
        const end = data.indexOf(0);
        found[data.toString('latin1', 0, end)] = data.toString('latin1', end + 1);
    }
    return found;
}

// ---- zip

/** A zip of {name: bytes | {bytes, ...lies}}; lies: method, flags, size, packed, crc, rawName. */
export function zip(files, { prefix = Buffer.alloc(0), count, comment = '', cutDirectory = 0, offset } = {}) {
    const parts = [], directory = [];
    let at = 0;
    const list = Array.isArray(files) ? files : Object.entries(files);
    for (const [name, given] of list) {
        const entry = Buffer.isBuffer(given) || typeof given === 'string' ? { bytes: Buffer.from(given) } : given;
        const bytes = Buffer.from(entry.bytes), raw = entry.rawName ?? Buffer.from(name);
        const store = entry.store ?? bytes.length < 64;
        const body = entry.body ?? (store ? bytes : zlib.deflateRawSync(bytes));
        const method = entry.method ?? (store ? 0 : 8);
        const crc = entry.crc ?? crc32(bytes), size = entry.size ?? bytes.length, packed = entry.packed ?? body.length;
        const local = Buffer.alloc(30);
        local.write('PK\x03\x04', 0, 'latin1');
        local.writeUInt16LE(20, 4);
        local.writeUInt16LE(entry.flags ?? 0x800, 6);
        local.writeUInt16LE(method, 8);
        local.writeUInt32LE(crc >>> 0, 14);
        local.writeUInt32LE(packed >>> 0, 18);
        local.writeUInt32LE(size >>> 0, 22);
        local.writeUInt16LE(raw.length, 26);
        parts.push(local, raw, body);
        const central = Buffer.alloc(46);
        central.write('PK\x01\x02', 0, 'latin1');
        central.writeUInt16LE(20, 4);
        central.writeUInt16LE(20, 6);
        central.writeUInt16LE(entry.flags ?? 0x800, 8);
        central.writeUInt16LE(method, 10);
        central.writeUInt32LE(crc >>> 0, 16);
        central.writeUInt32LE(packed >>> 0, 20);
        central.writeUInt32LE(size >>> 0, 24);
        central.writeUInt16LE(raw.length, 28);
        central.writeUInt32LE(entry.at ?? at, 42);
        directory.push(central, raw);
        at += 30 + raw.length + body.length;
    }
    const all = Buffer.concat(directory);
    const end = Buffer.alloc(22);
    end.write('PK\x05\x06', 0, 'latin1');
    end.writeUInt16LE(count ?? list.length, 8);
    end.writeUInt16LE(count ?? list.length, 10);
    end.writeUInt32LE(all.length, 12);
    end.writeUInt32LE((offset ?? at) >>> 0, 16);
    end.writeUInt16LE(comment.length, 20);
    return Buffer.concat([prefix, ...parts, all.subarray(0, all.length - cutDirectory), end, Buffer.from(comment)]);
}

/** The files of a zip by name (stored or deflated, no zip64). */
export function unzip(bytes) {
    const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1'), files = {};
    let at = bytes.readUInt32LE(end + 16);
    for (let i = bytes.readUInt16LE(end + 10); i > 0; i--) {
        const method = bytes.readUInt16LE(at + 10), packed = bytes.readUInt32LE(at + 20), n = bytes.readUInt16LE(at + 28);
        const name = bytes.toString('utf8', at + 46, at + 46 + n), local = bytes.readUInt32LE(at + 42);
        const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
        const body = bytes.subarray(from, from + packed);
        files[name] = method === 8 ? zlib.inflateRawSync(body) : Buffer.from(body);
        at += 46 + n + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    }
    return files;
}

// ---- JPEG and WebP

const segment = (marker, data) => {
    const out = Buffer.alloc(4 + data.length);
    out.set([0xff, marker], 0);
    out.writeUInt16BE(data.length + 2, 2);
    data.copy(out, 4);
    return out;
};

/** TIFF with one value: in IFD0 (ImageDescription) or in the Exif IFD (UserComment). */
export function exif(value, { big = false, tag = 'comment', code = 'ASCII\0\0\0' } = {}) {
    const bytes = tag === 'comment' ? Buffer.concat([Buffer.from(code, 'latin1'), Buffer.from(value)]) : Buffer.from(value);
    const out = Buffer.alloc(44);
    const w16 = (v, at) => (big ? out.writeUInt16BE(v, at) : out.writeUInt16LE(v, at));
    const w32 = (v, at) => (big ? out.writeUInt32BE(v, at) : out.writeUInt32LE(v, at));
    out.write(big ? 'MM' : 'II', 0);
    w16(42, 2);
    w32(8, 4);
    w16(1, 8);
    if (tag === 'comment') {
        w16(0x8769, 10), w16(4, 12), w32(1, 14), w32(26, 18), w32(0, 22);
        w16(1, 26), w16(0x9286, 28), w16(7, 30), w32(bytes.length, 32), w32(44, 36), w32(0, 40);
    } else {
        w16(0x010e, 10), w16(2, 12), w32(bytes.length, 14), w32(44, 18), w32(0, 22);
    }
    return Buffer.concat([out, bytes]);
}

export function jpeg({ exif: tiff, xmp, comment, tail = Buffer.alloc(0) } = {}) {
    const parts = [Buffer.from([0xff, 0xd8]), segment(0xe0, Buffer.from('JFIF\0\x01\x02\0\0\x01\0\x01\0\0', 'latin1'))];
    if (tiff) parts.push(segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff])));
    if (xmp) parts.push(segment(0xe1, Buffer.concat([Buffer.from('http://ns.adobe.com/xap/1.0/\0'), Buffer.from(xmp)])));
    if (comment) parts.push(segment(0xfe, Buffer.from(comment)));
    parts.push(segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])), Buffer.from([0x55, 0x2a]), Buffer.from([0xff, 0xd9]), tail);
    return Buffer.concat(parts);
}

export function webp({ exif: tiff, xmp } = {}) {
    const parts = [];
    const add = (type, data) => {
        const head = Buffer.alloc(8);
        head.write(type, 0, 'latin1');
        head.writeUInt32LE(data.length, 4);
        parts.push(head, data, Buffer.alloc(data.length & 1));
    };
    add('VP8X', Buffer.alloc(10));
    add('VP8L', Buffer.from([0x2f, 0, 0, 0, 0]));
    if (tiff) add('EXIF', tiff);
    if (xmp) add('XMP ', Buffer.from(xmp));
    const body = Buffer.concat(parts), head = Buffer.alloc(12);
    head.write('RIFF', 0);
    head.writeUInt32LE(body.length + 4, 4);
    head.write('WEBP', 8);
    return Buffer.concat([head, body]);
}
