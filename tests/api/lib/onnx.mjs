// ONNX files written by hand, and two tiny models of sherpa-onnx's made of them, so that its real library runs in tests
// without anybody's weights: one in the shape of VITS that says every letter as a tone, one in the shape of NeMo's CTC
// that hears those tones. They check that models are found, loaded, asked and answered; how a real voice sounds, or how
// well a real model hears, they cannot. Format: onnx.proto3 of the ONNX project, as Protocol Buffers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// ---- Protocol Buffers ----
const varint = (n) => {
    const bytes = [];
    for (let v = BigInt.asUintN(64, BigInt(n)); ; v >>= 7n) {
        if (v < 128n) return Buffer.from([...bytes, Number(v)]);
        bytes.push(Number(v & 127n) | 128);
    }
};
const int = (field, n) => Buffer.concat([varint(field << 3), varint(n)]);
const bytes = (field, b) => Buffer.concat([varint((field << 3) | 2), varint(b.length), b]);
const text = (field, s) => bytes(field, Buffer.from(s));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

// ---- ONNX ----
export const FLOAT = 1, INT64 = 7;
const tensor = (name, type, dims, values) => {
    const raw = type === FLOAT ? Buffer.from(Float32Array.from(values).buffer) : Buffer.from(BigInt64Array.from(values, BigInt).buffer);
    return Buffer.concat([...dims.map((d) => int(1, d)), int(2, type), text(8, name), bytes(9, raw)]);
};
const value = (name, type, dims) =>
    Buffer.concat([text(1, name), message(2, message(1, int(1, type), message(2, ...dims.map((d) => message(1, typeof d === 'number' ? int(1, d) : text(2, d))))))]);
const attribute = (name, v) =>
    Array.isArray(v) ? message(5, text(1, name), ...v.map((n) => int(8, n)), int(20, 7)) : message(5, text(1, name), int(3, v), int(20, 2));

/** A model's bytes. nodes: [op, inputs, output, attributes]; constants: {name: [type, dims, values]}; inputs and outputs:
 * [[name, type, dims]]; metadata: {key: value}. */
export function onnx({ nodes, constants, inputs, outputs, metadata }) {
    const graph = Buffer.concat([
        ...nodes.map(([op, from, to, attributes = {}]) =>
            message(1, ...from.map((n) => text(1, n)), text(2, to), text(4, op), ...Object.entries(attributes).map(([k, v]) => attribute(k, v)))),
        text(2, 'test'),
        ...Object.entries(constants).map(([name, [type, dims, values]]) => message(5, tensor(name, type, dims, values))),
        ...inputs.map((i) => message(11, value(...i))),
        ...outputs.map((o) => message(12, value(...o)))
    ]);
    return Buffer.concat([int(1, 8), text(2, 'eidolon tests'), bytes(7, graph), message(8, text(1, ''), int(2, 13)),
        ...Object.entries(metadata).map(([k, v]) => message(14, text(1, k), text(2, String(v))))]);
}

// ---- the alphabet of tones ----
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const IPA = [...'əɪʊɛɔæɑʌɜɹŋðθʃʒɡɐɾɚᵻ'];
const QUIET = [...' .,!?-\''];
export const RATE = 22050; // of the voice, as Piper's; not flite's 16000, so that one can tell who spoke
export const LETTER_MS = 120;
const EAR_RATE = 16000; // of the bands below
/** The bin of NeMo's 80 mel bands (Slaney's scale, 0 to 8000 Hz) in which a letter's tone lies. */
const bin = (letter) => 12 + 2 * LETTERS.indexOf(letter);
const TOP_MEL = 15 + (27 * Math.log(8)) / Math.log(6.4);
const hertz = (band) => {
    const mel = (TOP_MEL * (band + 1)) / 81;
    return mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27);
};
export const tone = (letter) => hertz(bin(letter));

/** A folder with a voice: letters are tones, all else is silent. speakers: speaker n is n + 1 times as loud as the first.
 * work: how many multiplications of 1024 x 1024 each sentence costs besides, so that it takes its time. piper: texts are
 * read by espeak-ng (the folder of its data is the caller's to add), and its phonemes are said. */
export function writeVoice(folder, { speakers = 1, names = '', work = 0, piper = false, metadata = {}, without = [] } = {}) {
    const signs = piper ? ['_', '^', '$', ...LETTERS, ...IPA, ...QUIET] : [...LETTERS, ...QUIET];
    const said = (s) => LETTERS.includes(s) || IPA.includes(s);
    const each = (LETTER_MS * RATE) / 1000;
    const nodes = [
        ['Gather', ['frequencies', 'x'], 'f'], ['Gather', ['loudness', 'x'], 'l'],
        ['Unsqueeze', ['f', 'two'], 'f3'], ['Unsqueeze', ['l', 'two'], 'l3'],
        ...(piper ? [['Gather', ['scales', 'nought_one'], 'length_scale']] : []), ['Mul', ['length_scale', 'each'], 'many'], ['Squeeze', ['many', 'nought'], 'count'],
        ['Range', ['start', 'count', 'step'], 't'],
        ['Mul', ['f3', 't'], 'phase'], ['Sin', ['phase'], 'wave'],
        // Each letter rises and falls, so that none runs into the next.
        ['Mul', ['t', 'pi'], 'turn'], ['Div', ['turn', 'count'], 'arch'], ['Sin', ['arch'], 'fade'],
        ['Mul', ['wave', 'fade'], 'soft'], ['Mul', ['soft', 'l3'], 'said'],
        ['Cast', ['sid'], 'who', { to: FLOAT }], ['Add', ['who', 'one'], 'louder'], ['Mul', ['said', 'louder'], 'loud'],
        ['Reshape', ['loud', 'flat'], work ? 'sound' : 'y']
    ];
    if (work) {
        nodes.push(['ReduceMax', ['f'], 'seed', { keepdims: 0 }], ['Expand', ['seed', 'square'], 'm0']);
        for (let i = 0; i < work; i++) nodes.push(['MatMul', [`m${i}`, `m${i}`], `p${i}`], ['Tanh', [`p${i}`], `m${i + 1}`]);
        nodes.push(['ReduceMax', [`m${work}`], 'top', { keepdims: 0 }], ['Mul', ['top', 'nothing'], 'none'], ['Add', ['sound', 'none'], 'y']);
    }
    mkdirSync(folder, { recursive: true });
    const put = (name, data) => without.includes(name) || writeFileSync(join(folder, name), data);
    put('model.onnx', onnx({
        nodes,
        constants: {
            frequencies: [FLOAT, [signs.length], signs.map((s) => (said(s) ? (2 * Math.PI * tone(LETTERS[(LETTERS.indexOf(s) + 26) % 26])) / RATE : 0))],
            loudness: [FLOAT, [signs.length], signs.map((s) => (said(s) ? 0.3 : 0))],
            two: [INT64, [1], [2]], nought: [INT64, [1], [0]], ...(piper ? { nought_one: [INT64, [1], [1]] } : {}), each: [FLOAT, [1], [each]], start: [FLOAT, [], [0]], step: [FLOAT, [], [1]],
            pi: [FLOAT, [], [Math.PI]], one: [FLOAT, [1], [1]], flat: [INT64, [2], [1, -1]],
            ...(work ? { square: [INT64, [2], [1024, 1024]], nothing: [FLOAT, [], [0]] } : {})
        },
        inputs: [['x', INT64, [1, 'N']], ['x_length', INT64, [1]],
            ...(piper ? [['scales', FLOAT, [3]]] : [['noise_scale', FLOAT, [1]], ['length_scale', FLOAT, [1]], ['noise_scale_w', FLOAT, [1]]]), ['sid', INT64, [1]]],
        outputs: [['y', FLOAT, [1, 'T']]],
        metadata: {
            model_type: 'vits', language: 'Tones', sample_rate: RATE,
            ...(piper ? { comment: 'piper', voice: 'en-us', has_espeak: 1, add_blank: 1 } : { comment: 'icefall', frontend: 'characters', add_blank: 0, use_eos_bos: 0 }),
            n_speakers: speakers, ...(names ? { speaker_names: names } : {}), ...metadata
        }
    }));
    put('tokens.txt', signs.map((s, i) => (s === ' ' ? `${i}` : `${s} ${i}`)).join('\n') + '\n');
    return folder;
}

/** A folder with an ear in NeMo's CTC shape: it hears the voice's letters, each as a word of its own. */
export function writeEar(folder, { metadata = {}, without = [] } = {}) {
    const BANDS = 80, FRAMES = 4, size = LETTERS.length + 1; // the last one is CTC's blank
    const pick = new Float32Array(BANDS * size);
    LETTERS.forEach((letter, i) => (pick[bin(letter) * size + i] = 1));
    mkdirSync(folder, { recursive: true });
    const put = (name, data) => without.includes(name) || writeFileSync(join(folder, name), data);
    put('model.onnx', onnx({
        nodes: [
            ['AveragePool', ['audio_signal'], 'pooled', { kernel_shape: [FRAMES], strides: [FRAMES] }],
            ['Transpose', ['pooled'], 'bands', { perm: [0, 2, 1] }],
            ['MatMul', ['bands', 'pick'], 'picked'], ['Add', ['picked', 'bias'], 'logits'], ['LogSoftmax', ['logits'], 'logprobs', { axis: -1 }]
        ],
        constants: { pick: [FLOAT, [BANDS, size], pick], bias: [FLOAT, [size], [...LETTERS.map(() => 0), -3]] },
        inputs: [['audio_signal', FLOAT, ['B', BANDS, 'T']], ['length', INT64, ['B']]],
        outputs: [['logprobs', FLOAT, ['B', 'S', size]]],
        metadata: { model_type: 'EncDecCTCModelBPE', vocab_size: size, subsampling_factor: FRAMES, normalize_type: 'NA', ...metadata }
    }));
    put('tokens.txt', [...LETTERS.map((l, i) => `\u2581${l} ${i}`), `<blk> ${LETTERS.length}`].join('\n') + '\n');
    return folder;
}
