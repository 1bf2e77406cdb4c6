// Tiny GGUF files: a head that tells what a test wants and one small tensor, or as many bytes as it wants.
// Format: llama.cpp's ggml/docs/gguf.md, version 3. (Not a model that can be run: see tests/llama for one.)
import { createHash } from 'node:crypto';

const ALIGN = 32;
const STRING = 8, UINT32 = 4;

const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const text = (s) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);

/** A whole file of about `bytes` bytes. `keys` are added to the usual ones (numbers or strings). */
export function gguf({ name = 'Tiny', bytes = 4096, keys = {}, seed = 1 } = {}) {
    const all = {
        'general.architecture': 'llama', 'general.name': name, 'general.file_type': 7, 'llama.context_length': 2048,
        'llama.embedding_length': 64, 'llama.block_count': 2, 'llama.attention.head_count': 4, ...keys
    };
    const floats = Math.max(8, Math.floor(bytes / 4));
    const parts = [Buffer.from('GGUF'), u32(3), u64(1), u64(Object.keys(all).length)];
    for (const [key, value] of Object.entries(all))
        parts.push(text(key), typeof value === 'string' ? Buffer.concat([u32(STRING), text(value)]) : Buffer.concat([u32(UINT32), u32(value)]));
    parts.push(text('token_embd.weight'), u32(1), u64(floats), u32(0), u64(0));
    const head = Buffer.concat(parts);
    const pad = Buffer.alloc((ALIGN - (head.length % ALIGN)) % ALIGN);
    const data = Buffer.alloc(floats * 4);
    let state = seed;
    for (let i = 0; i < data.length; i++) data[i] = (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16;
    return Buffer.concat([head, pad, data]);
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
