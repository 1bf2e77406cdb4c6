// A viseme timeline held against the sound that it belongs to: used by the tests and by the plot in docs/VOICE.md.
import { readWav } from '../../lib/sound.mjs';

export const VISEMES = ['sil', 'PP', 'FF', 'TH', 'DD', 'kk', 'CH', 'SS', 'nn', 'RR', 'aa', 'E', 'ih', 'oh', 'ou'];
const FRAME_MS = 10;
const QUIET = 0.01; // of the loudest frame: -40 dB
const SETTLE_MS = 120; // how long after a sound ended the mouth may still move
const LEAD_MS = 230; // how long before a sound it may move: lips close for a p before anything is heard

/** Asks a server to speak; resolves to {samples, rate, duration_ms, visemes, words}. */
export async function speak(server, body) {
    const response = await fetch(`${server.url}/api/tts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(body),
    });
    const spoken = await response.json();
    if (!response.ok) throw new Error(spoken.error.message);
    const { samples, rate } = readWav(Buffer.from(spoken.audio, 'base64'));
    return { samples, rate, duration_ms: spoken.duration_ms, visemes: spoken.visemes, words: spoken.words };
}

/** RMS of frames of 10 ms, the loudest being 1. */
export function envelope({ samples, rate }) {
    const frame = Math.round((rate * FRAME_MS) / 1000);
    const levels = [];
    for (let at = 0; at + frame <= samples.length; at += frame) {
        let sum = 0;
        for (let i = at; i < at + frame; i++) sum += samples[i] * samples[i];
        levels.push(Math.sqrt(sum / frame));
    }
    const loudest = Math.max(...levels, 1);
    return levels.map((level) => level / loudest);
}

/** A viseme's weight at a time: straight lines between its keys. */
export function weightAt(keys, viseme, ms) {
    let before = null;
    for (const key of keys) {
        if (key.viseme !== viseme) continue;
        if (key.at_ms > ms) {
            if (!before) return viseme === 'sil' ? key.weight : 0;
            const share = (ms - before.at_ms) / (key.at_ms - before.at_ms);
            return before.weight + share * (key.weight - before.weight);
        }
        before = key;
    }
    return before ? before.weight : 0;
}

/** Stretches of at least `least` ms in which the sound is silent, as [from, to]. */
export function silences(spoken, least) {
    const found = [];
    let from = null;
    [...envelope(spoken), 1].forEach((level, i) => {
        if (level < QUIET) from ??= i * FRAME_MS;
        else if (from !== null) {
            if (i * FRAME_MS - from >= least) found.push([from, i * FRAME_MS]);
            from = null;
        }
    });
    return found;
}

/** What is wrong with a timeline, as sentences; empty: nothing. `text` is what was said. */
export function faults(spoken, text) {
    const { visemes: keys, duration_ms } = spoken;
    const wrong = [];
    const say = (sentence) => wrong.length < 10 && wrong.push(sentence);
    if (keys.length === 0) say('there are no mouth shapes');
    keys.forEach((key, i) => {
        if (!VISEMES.includes(key.viseme)) say(`'${key.viseme}' is no viseme`);
        if (key.at_ms < 0 || key.at_ms > duration_ms) say(`a key at ${key.at_ms} ms lies outside the sound of ${duration_ms} ms`);
        if (!(key.weight >= 0 && key.weight <= 1)) say(`a weight of ${key.weight}`);
        if (i && key.at_ms < keys[i - 1].at_ms) say(`a key at ${key.at_ms} ms comes after one at ${keys[i - 1].at_ms} ms`);
    });
    for (let ms = 0; ms <= duration_ms; ms += FRAME_MS) {
        const sum = VISEMES.reduce((all, viseme) => all + weightAt(keys, viseme, ms), 0);
        if (Math.abs(sum - 1) > 0.03) say(`all weights make ${sum.toFixed(2)} at ${ms} ms`);
    }
    for (const [from, to] of silences(spoken, SETTLE_MS + LEAD_MS))
        for (let ms = from + SETTLE_MS; ms <= to - LEAD_MS; ms += FRAME_MS)
            if (weightAt(keys, 'sil', ms) < 0.85) say(`the mouth moves at ${ms} ms, in the silence from ${from} to ${to} ms`);
    if (/[pbm]/i.test(text) && !keys.some((key) => key.viseme === 'PP' && key.weight >= 0.8)) say('lips never close, and there is a p, b or m');
    if (!/[pbm]/i.test(text) && keys.some((key) => key.viseme === 'PP' && key.weight > 0.2)) say('lips close, and there is no p, b or m');
    return wrong;
}

/** Words that begin with p, b or m and in whose time lips do not close. */
export function open(spoken, slack_ms) {
    return spoken.words
        .filter((word) => /^[pbm]/i.test(word.text))
        .filter((word) => {
            for (let ms = word.from_ms - slack_ms; ms <= word.to_ms + slack_ms; ms += FRAME_MS / 2) if (weightAt(spoken.visemes, 'PP', ms) >= 0.7) return false;
            return true;
        })
        .map((word) => word.text);
}

/** How much of the time in which the sound is loud the mouth moves; faults() sees to silences. */
export function agreement(spoken) {
    const levels = envelope(spoken);
    let moves = 0, loud = 0;
    levels.forEach((level, i) => {
        if (level < 0.1) return;
        loud++;
        moves += weightAt(spoken.visemes, 'sil', i * FRAME_MS + FRAME_MS / 2) < 0.9;
    });
    return moves / loud;
}
