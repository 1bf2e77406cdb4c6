// From one sample rate to another, piece by piece without seams: a windowed sinc (Blackman, 16 zero crossings to either
// side) read from a table. A persona's 16 or 24 kHz become what the loudspeaker runs at, the microphone's 44.1 or 48 kHz
// become 16. We do it ourselves because an AudioBuffer of another rate is resampled alone, which clicks at each seam,
// and because not every browser lets a microphone into a context of another rate.
const CROSSINGS = 16;
const STEPS = 256;
/* A little below half the lower rate, so that what the window lets through beyond it stays small. */
const PASS = 0.94;

const table = new Float32Array(CROSSINGS * STEPS + 2);
for (let i = 0; i < CROSSINGS * STEPS; i++) {
    const x = i / STEPS;
    const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / CROSSINGS) + 0.08 * Math.cos((2 * Math.PI * x) / CROSSINGS);
    table[i] = (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)) * window;
}

export class Resampler {
    private readonly step: number;
    private readonly scale: number;
    /* How many samples an output looks at to either side. */
    private readonly reach: number;
    private held: Float32Array;
    private count: number;
    /* Where the next output lies within `held`. */
    private position: number;

    constructor(
        private readonly from: number,
        private readonly to: number,
    ) {
        this.step = from / to;
        this.scale = Math.min(1, to / from) * PASS;
        this.reach = Math.ceil(CROSSINGS / this.scale);
        this.held = new Float32Array(this.reach * 4);
        this.count = this.reach;
        this.position = this.reach;
    }

    push(samples: Float32Array): Float32Array<ArrayBuffer> {
        if (this.from === this.to) return Float32Array.from(samples);
        this.hold(samples);
        const ready = Math.max(0, Math.ceil((this.count - this.reach - this.position) / this.step));
        const out = new Float32Array(ready);
        for (let i = 0; i < ready; i++) {
            out[i] = this.at(this.position);
            this.position += this.step;
        }
        this.forget();
        return out;
    }

    /* What is still inside; the next push begins afresh. */
    flush(): Float32Array<ArrayBuffer> {
        return this.push(new Float32Array(this.reach));
    }

    private hold(samples: Float32Array): void {
        if (this.count + samples.length > this.held.length) {
            const larger = new Float32Array(Math.max(this.held.length * 2, this.count + samples.length));
            larger.set(this.held.subarray(0, this.count));
            this.held = larger;
        }
        this.held.set(samples, this.count);
        this.count += samples.length;
    }

    private forget(): void {
        const gone = Math.floor(this.position) - this.reach;
        if (gone <= 0) return;
        this.held.copyWithin(0, gone, this.count);
        this.count -= gone;
        this.position -= gone;
    }

    private at(position: number): number {
        const first = Math.max(0, Math.ceil(position - this.reach));
        const last = Math.min(this.count - 1, Math.floor(position + this.reach));
        let sum = 0;
        for (let k = first; k <= last; k++) {
            const x = Math.abs(position - k) * this.scale * STEPS;
            const i = x | 0;
            if (i >= CROSSINGS * STEPS) continue;
            const low = table[i]!;
            sum += this.held[k]! * (low + (table[i + 1]! - low) * (x - i));
        }
        return sum * this.scale;
    }
}
