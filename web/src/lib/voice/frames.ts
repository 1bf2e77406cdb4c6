// The socket's binary frames: a persona's sound comes in (type 1, a head of 48 bytes, little-endian), the microphone
// goes out (type 2, a head of 4). Numbers and layout are docs/API.md's; sound is 16 bit, mono.
const HEAD_IN = 48;
const HEAD_OUT = 4;
const TYPE_SOUND = 1;
const TYPE_MICROPHONE = 2;
const CODEC_PCM = 1;

export interface SoundFrame {
    room: string;
    turn: string;
    /* Which sentence of the turn. */
    index: number;
    rate: number;
    /* Position of the first sample within the sentence. */
    at: number;
    samples: Int16Array;
}

function uuid(bytes: Uint8Array): string {
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/* Null for what is no sound that this page asked for. */
export function readSound(data: ArrayBuffer): SoundFrame | null {
    if (data.byteLength < HEAD_IN) return null;
    const view = new DataView(data);
    if (view.getUint8(0) !== TYPE_SOUND || view.getUint8(1) !== CODEC_PCM) return null;
    const count = (data.byteLength - HEAD_IN) >> 1;
    return {
        index: view.getUint16(2, true),
        rate: view.getUint32(4, true),
        at: Number(view.getBigUint64(8, true)),
        room: uuid(new Uint8Array(data, 16, 16)),
        turn: uuid(new Uint8Array(data, 32, 16)),
        samples: new Int16Array(data, HEAD_IN, count),
    };
}

export function microphoneFrame(samples: Int16Array): ArrayBuffer {
    const data = new ArrayBuffer(HEAD_OUT + samples.length * 2);
    const view = new DataView(data);
    view.setUint8(0, TYPE_MICROPHONE);
    view.setUint8(1, CODEC_PCM);
    new Int16Array(data, HEAD_OUT).set(samples);
    return data;
}

export function toFloat(samples: Int16Array): Float32Array<ArrayBuffer> {
    const out = new Float32Array(samples.length);
    for (let i = 0; i < samples.length; i++) out[i] = samples[i]! / 32768;
    return out;
}
