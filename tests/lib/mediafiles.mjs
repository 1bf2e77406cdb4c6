// Pictures and recordings for tests, made byte by byte, whole and broken.
import { deflateSync } from 'node:zlib';
import { crc32 } from './cardfiles.mjs';

const be32 = (n) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const le32 = (n) => Buffer.from(be32(n)).reverse();
const le16 = (n) => Buffer.from([n & 255, n >> 8]);

/** A chunk of a PNG. */
export function chunk(name, data) {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    return Buffer.concat([be32(data.length), body, be32(crc32(body))]);
}
const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const header = (width, height, depth = 8, colour = 6) => chunk('IHDR', Buffer.concat([be32(width), be32(height), Buffer.from([depth, colour, 0, 0, 0])]));

/** A PNG with a gradient; `between` are chunks before the pixels. */
export function png(width = 64, height = 48, { between = [], said, paint } = {}) {
    const rows = Buffer.alloc(height * (1 + 4 * width));
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
            const at = y * (1 + 4 * width) + 1 + 4 * x;
            const [r, g, b] = paint ? paint(x, y) : [(x * 255) / width, (y * 255) / height, 128];
            rows.set([r, g, b, 255], at);
        }
    return Buffer.concat([signature, header(said?.width ?? width, said?.height ?? height), ...between, chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** TIFF with an orientation and a place. */
export function exif({ orientation = 1, gps = false } = {}) {
    const entries = [Buffer.concat([le16(0x0112), le16(3), le32(1), le16(orientation), le16(0)])];
    const gpsAt = 8 + 2 + 12 * (gps ? 2 : 1) + 4;
    if (gps) entries.push(Buffer.concat([le16(0x8825), le16(4), le32(1), le32(gpsAt)]));
    const first = Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), le16(entries.length), ...entries, le32(0)]);
    const place = Buffer.concat([le16(1), le16(1), le16(2), le32(2), Buffer.from('N\0\0\0', 'latin1'), le32(0)]);
    return gps ? Buffer.concat([first, place, Buffer.from('Greenwich 51.4779', 'latin1')]) : first;
}

const smallJpeg = Buffer.from('/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwIBwcHBw8LCwkMEQ8SEhEPERETFhwXExQaFRERGCEYGh0dHx8fExciJCIeJBweHx7/2wBDAQUFBQcGBw4ICA4eFBEUHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh7/wAARCAAgADADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD5sttK6fLWnbaV0+WupttK6fLWnbaV0+WvvK2Z+Z4mW5xtqctbaV0+WtS20rp8tdTbaV0+WtO20rp8teVWzPzP0DLc421OWttK6fLWnbaV0+WupttK6fLWnbaV0+WvJrZn5n6BlucbanN22ldPlrUttK6fLXU22ldPlrTttK6fLXj1sz8z+KctzjbU5a20rp8tadtpXT5a6m20rp8tadtpXT5a8mtmfmfoGW5xtqctbaV0+WtO20rp8tdTbaV0+WtO20rp8teTWzPzP0DLc421P//Z', 'base64');
/** A JPEG of 48 x 32 pixels, with EXIF where asked. */
export function jpeg({ tiff } = {}) {
    if (!tiff) return Buffer.from(smallJpeg);
    const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
    const length = body.length + 2;
    return Buffer.concat([smallJpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, length >> 8, length & 255]), body, smallJpeg.subarray(2)]);
}

/** A GIF of 4 x 4 pixels, `frames` of them. */
export function gif(frames = 1, { width = 4, height = 4 } = {}) {
    const parts = [Buffer.from('GIF89a', 'latin1'), le16(width), le16(height), Buffer.from([0x80, 0, 0]), Buffer.from([255, 0, 0, 0, 0, 255])];
    for (let f = 0; f < frames; f++) {
        // Codes of 3 bits: clear (4), then a pixel and a clear in turn, so that codes never grow.
        const codes = [];
        for (let i = 0; i < 16; i++) codes.push(4, (i + f) & 1);
        codes.push(5);
        let bits = 0n;
        codes.forEach((code, i) => (bits |= BigInt(code) << BigInt(3 * i)));
        const bytes = [];
        for (let i = 0; i < Math.ceil((codes.length * 3) / 8); i++) bytes.push(Number((bits >> BigInt(8 * i)) & 255n));
        parts.push(Buffer.from([0x21, 0xf9, 4, 0, 5, 0, 0, 0, 0x2c]), le16(0), le16(0), le16(4), le16(4), Buffer.from([0, 2, bytes.length, ...bytes, 0]));
    }
    return Buffer.concat([...parts, Buffer.from([0x3b])]);
}

/** WAV of float samples: [-1, 1]. */
export function wav(samples, rate = 16000, { channels = 1, said, bits = 16 } = {}) {
    const width = bits / 8;
    const data = Buffer.alloc(samples.length * width);
    samples.forEach((s, i) => (bits === 32 ? data.writeFloatLE(s, 4 * i) : data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, s)) * 32767), 2 * i)));
    const n = said ?? data.length;
    return Buffer.concat([
        Buffer.from('RIFF'), le32(36 + n), Buffer.from('WAVEfmt '), le32(16), le16(bits === 32 ? 3 : 1), le16(channels), le32(rate),
        le32(rate * channels * width), le16(channels * width), le16(bits), Buffer.from('data'), le32(n), data
    ]);
}
export const tone = (seconds, rate = 16000, hertz = 440) => Array.from({ length: Math.round(seconds * rate) }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));

/** The packets of an Ogg file (Opus): heads included. */
export function oggPackets(file) {
    const packets = [];
    let open = [];
    for (let at = 0; at + 27 <= file.length; ) {
        const segments = file[at + 26];
        let from = at + 27 + segments;
        for (let i = 0; i < segments; i++) {
            const n = file[at + 27 + i];
            open.push(file.subarray(from, from + n));
            from += n;
            if (n < 255) {
                packets.push(Buffer.concat(open));
                open = [];
            }
        }
        at = from;
    }
    return packets;
}

// EBML: ids as they are written, sizes in 8 bytes, or unknown.
const element = (id, ...content) => {
    const body = Buffer.concat(content);
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(body.length) | 0x0100000000000000n);
    return Buffer.concat([Buffer.from(id, 'hex'), size, body]);
};
const open = (id, ...content) => Buffer.concat([Buffer.from(id, 'hex'), Buffer.from('01ffffffffffffff', 'hex'), ...content]);
const number = (id, value) => element(id, Buffer.from([value >> 24, value >> 16, value >> 8, value].map((b) => b & 255)));

/** What a browser's recorder makes of Opus packets of 20 ms: clusters of unknown length. */
export function webm(packets, { codec = 'A_OPUS', type = 2 } = {}) {
    const [head, , ...sound] = packets;
    const tracks = element('1654ae6b', element('ae', number('d7', 1), number('83', type), element('86', Buffer.from(codec)), element('63a2', head), element('e1', element('b5', Buffer.from([0x47, 0x3b, 0x80, 0])), number('9f', 1))));
    const clusters = [];
    for (let from = 0; from < sound.length; from += 50) {
        const blocks = sound.slice(from, from + 50).map((p, i) => element('a3', Buffer.from([0x81, ((i * 20) >> 8) & 255, (i * 20) & 255, 0x80]), p));
        clusters.push(open('1f43b675', number('e7', from * 20), ...blocks));
    }
    return Buffer.concat([element('1a45dfa3', number('4286', 1), element('4282', Buffer.from('webm'))), open('18538067', element('1549a966', number('2ad7b1', 1000000)), tracks, ...clusters)]);
}
