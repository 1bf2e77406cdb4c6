// A zip file of parts that are stored as they are (cards are compressed already), made in the browser. The form is
// PKWARE's APPNOTE: a local header before each file, the central directory, its end. Names are UTF-8 (bit 11). No
// zip64: at most 65,535 files and 4 GB together.
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 1 << 11;
export const MOST_FILES = 65_535;
export const MOST_BYTES = 0xffff_ffff;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
});

function crc32(bytes: Uint8Array): number {
    let value = 0xffffffff;
    for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
}

function dosTime(date: Date): number {
    const day = ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
    return ((day << 16) | (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1)) >>> 0;
}

/* Numbers of the widths given, little-endian. */
function fields(...list: [value: number, width: 2 | 4][]): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(list.reduce((sum, [, width]) => sum + width, 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [value, width] of list) {
        if (width === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
        at += width;
    }
    return bytes;
}

export class Zip {
    private parts: BlobPart[] = [];
    private directory: BlobPart[] = [];
    private directorySize = 0;
    private names = new Set<string>();
    private offset = 0;
    count = 0;

    async add(name: string, data: Blob, at = new Date()): Promise<void> {
        const bytes = new Uint8Array(await data.arrayBuffer());
        const encoded = new TextEncoder().encode(this.free(name));
        const common: [number, 2 | 4][] = [[VERSION, 2], [UTF8_NAMES, 2], [0, 2], [dosTime(at), 4], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [encoded.length, 2], [0, 2]];
        const local = fields([LOCAL, 4], ...common);
        if (this.count + 1 > MOST_FILES || this.offset + local.length + encoded.length + bytes.length > MOST_BYTES) throw new Error('These are too many for one file. Export them in smaller groups.');
        this.parts.push(local, encoded, data);
        this.directory.push(fields([CENTRAL, 4], [VERSION, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [this.offset, 4]), encoded);
        this.directorySize += 46 + encoded.length;
        this.offset += local.length + encoded.length + bytes.length;
        this.count++;
    }

    /* Two of one name are told apart. */
    private free(name: string): string {
        const [, stem, end] = /^(.*?)(\.[^.]*)?$/s.exec(name)!;
        let wanted = name;
        for (let i = 2; this.names.has(wanted); i++) wanted = `${stem} (${i})${end ?? ''}`;
        this.names.add(wanted);
        return wanted;
    }

    blob(): Blob {
        const end = fields([END, 4], [0, 2], [0, 2], [this.count, 2], [this.count, 2], [this.directorySize, 4], [this.offset, 4], [0, 2]);
        return new Blob([...this.parts, ...this.directory, end], { type: 'application/zip' });
    }
}

/* Gives a file to the person. */
export function save(data: Blob, name: string): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(data);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
