// A microphone on a test's socket: opened as a page would, sound streamed to it at the pace of speech or faster, as PCM or Opus.
import { micFrame } from '../../lib/sound.mjs';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Streams sound in frames of 20 ms; `speed` 1 is as it is spoken. Resolves to when the last frame went. */
export async function stream(socket, sound, speed = 1) {
    const size = sound.rate / 50;
    const begin = performance.now();
    for (let at = 0, i = 0; at < sound.samples.length; at += size, i++) {
        const part = sound.samples.slice(at, at + size);
        socket.ws.send(micFrame(part));
        const due = begin + ((i + 1) * 20) / speed;
        if (due > performance.now()) await sleep(due - performance.now());
    }
    return performance.now();
}

export async function streamOpus(socket, packets, speed = 1) {
    const begin = performance.now();
    for (let i = 0; i < packets.length; i++) {
        socket.ws.send(micFrame(packets[i]));
        const due = begin + ((i + 1) * 20) / speed;
        if (due > performance.now()) await sleep(due - performance.now());
    }
}

/** Opens a microphone; resolves when it listens. `since()` marks a place, `next(type)` is the next frame after it. */
export async function openMic(socket, room, options = {}) {
    let mark = socket.frames.length;
    const next = (fits, what, timeout) =>
        socket
            .wait((f) => socket.frames.indexOf(f) >= mark && fits(f), what, timeout)
            .then((frame) => {
                mark = socket.frames.indexOf(frame) + 1;
                return frame;
            });
    socket.send({ type: 'mic', room, on: true, ...options });
    await next((f) => f.type === 'mic' && f.room === room && f.state !== 'off', 'an open microphone');
    return {
        room,
        next,
        since: () => (mark = socket.frames.length),
        state: (state, timeout) => next((f) => f.type === 'mic' && f.state === state, `the state ${state}`, timeout),
        final: (timeout = 60000) => next((f) => f.type === 'mic.final', 'mic.final', timeout),
        silero: () => socket.wait((f) => f.type === 'mic' && f.vad === 'silero', 'silero')
    };
}
