// Runs on the browser's audio thread: takes what the microphone gives, makes 16 kHz of it, and hands over frames of
// 32 ms (512 samples, what the server's voice detection looks at) with their loudness.
import { Resampler } from './resample';

const RATE = 16000;
const FRAME = 512;

class Recorder extends AudioWorkletProcessor {
    private readonly resampler = new Resampler(sampleRate, RATE);
    private frame = new Int16Array(FRAME);
    private filled = 0;
    private energy = 0;

    process(inputs: Float32Array[][]): boolean {
        const channel = inputs[0]?.[0];
        if (!channel) return true;
        for (const sample of this.resampler.push(channel)) {
            const held = Math.max(-1, Math.min(1, sample));
            this.frame[this.filled++] = Math.round(held * 32767);
            this.energy += held * held;
            if (this.filled === FRAME) this.give();
        }
        return true;
    }

    private give(): void {
        this.port.postMessage({ samples: this.frame, level: Math.sqrt(this.energy / FRAME) }, [this.frame.buffer]);
        this.frame = new Int16Array(FRAME);
        this.filled = 0;
        this.energy = 0;
    }
}

registerProcessor('recorder', Recorder);
