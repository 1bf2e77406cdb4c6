// A zip of a few texts, deflated, with sizes behind the files as programs that stream write them.
import { deflateRawSync } from 'node:zlib';

export function zipSync(files) {
    const parts = [];
    for (const [name, text] of Object.entries(files)) {
        const head = Buffer.alloc(30);
        head.writeUInt32LE(0x04034b50, 0);
        head.writeUInt16LE(20, 4);
        head.writeUInt16LE(8, 6);
        head.writeUInt16LE(8, 8);
        head.writeUInt16LE(Buffer.byteLength(name), 26);
        const after = Buffer.alloc(16);
        after.writeUInt32LE(0x08074b50, 0);
        parts.push(head, Buffer.from(name), deflateRawSync(Buffer.from(text)), after);
    }
    const directory = Buffer.alloc(46);
    directory.writeUInt32LE(0x02014b50, 0);
    return Buffer.concat([...parts, directory]);
}
