// Plays what personas say: utterances one after the other, their sentences in order, each without a seam. Sound comes
// in pieces of any length; it is resampled to the context's rate once and laid on the context's own clock, to the
// sample, some way ahead, so that a busy page does not stutter. Scheduled buffers rather than an AudioWorklet, because
// a worklet needs a secure origin and a persona shall also be heard by a phone that came over plain http.
//
// Places (`Place`) are what is being heard: the scheduled clock less the time the loudspeaker needs. Pausing fades out
// within a hundredth of a second, takes back what was scheduled and remembers the place; nothing is lost by it.
// Knows nothing of rooms, sockets or tabs: speaker.svelte.ts does.
import { Resampler } from './resample';
import { toFloat } from './frames';

/* Sound at hand before a sentence begins, unless it is whole already. */
const JITTER_S = 0.06;
const LEAD_S = 0.02;
const HORIZON_S = 2;
const LONGEST_PIECE_S = 0.5;
const FADE_S = 0.01;
/* Said again after a pause, so that the syllable that was cut is heard whole. */
const REWIND_S = 0.08;
const PUMP_MS = 100;
/* A sentence whose end nobody told is over when the next one is there and this long nothing came of it; an utterance,
   when another one waits. */
const GIVE_UP_MS = 1500;
const SILENT_MS = 5000;
const LARGEST_GAP_S = 1;
/* Some 40 ms at usual rates. */
const METER_SAMPLES = 2048;

export interface Place {
    utterance: string;
    index: number;
    ms: number;
    /* True while sound of it comes out. */
    sounding: boolean;
}

interface Sentence {
    samples: Float32Array<ArrayBuffer>;
    length: number;
    resampler: Resampler | null;
    rate: number;
    /* How many samples at `rate` came, counted from the sentence's beginning, and where the first of them lies. */
    received: number;
    from: number;
    whole: boolean;
    lastCame: number;
}

interface Utterance {
    key: string;
    sentences: Map<number, Sentence>;
    /* What is to be scheduled next: the sentence, and the sample within it. */
    index: number;
    cursor: number;
    /* No more sound of it comes. */
    over: boolean;
    begun: boolean;
    lastCame: number;
}

interface Piece {
    source: AudioBufferSourceNode;
    utterance: Utterance;
    index: number;
    /* Where in the sentence it begins, in samples of the context. */
    from: number;
    count: number;
    at: number;
}

export interface PlayerEvents {
    /* A sentence began to sound, at a time of performance.now(). */
    began(utterance: string, index: number, at: number): void;
    ended(utterance: string): void;
}

export class Player {
    readonly context: AudioContext;
    private readonly volume: GainNode;
    private readonly gate: GainNode;
    private readonly meter: AnalyserNode;
    private readonly window = new Float32Array(METER_SAMPLES);
    private queue: Utterance[] = [];
    private pieces: Piece[] = [];
    private nextAt = 0;
    private held = false;
    private last: Place | null = null;
    private announced = '';
    private timer: ReturnType<typeof setInterval> | undefined;

    constructor(private readonly events: PlayerEvents) {
        this.context = new AudioContext({ latencyHint: 'interactive' });
        this.gate = this.context.createGain();
        this.volume = this.context.createGain();
        this.meter = new AnalyserNode(this.context, { fftSize: METER_SAMPLES });
        this.gate.connect(this.volume).connect(this.context.destination);
        this.volume.connect(this.meter);
        this.context.addEventListener('statechange', () => this.pump());
    }

    get running(): boolean {
        return this.context.state === 'running';
    }

    get paused(): boolean {
        return this.held;
    }

    get busy(): boolean {
        return this.queue.length > 0;
    }

    /* Only works out while the browser allows sound; true when it does. */
    async wake(): Promise<boolean> {
        if (this.context.state !== 'running') await Promise.race([this.context.resume(), new Promise((done) => setTimeout(done, 300))]);
        this.pump();
        return this.running;
    }

    /* How loud it is just now, as the loudspeaker gets it: a root mean square. */
    loudness(): number {
        if (!this.pieces.length && !this.held) return 0;
        this.meter.getFloatTimeDomainData(this.window);
        return Math.sqrt(this.window.reduce((sum, one) => sum + one * one, 0) / METER_SAMPLES);
    }

    setVolume(level: number): void {
        this.volume.gain.setTargetAtTime(level, this.context.currentTime, 0.015);
    }

    /* ---- what comes in ---- */

    frame(key: string, index: number, rate: number, at: number, sound: Int16Array): void {
        const utterance = this.utterance(key);
        const sentence = this.sentence(utterance, index);
        if (sentence.whole) return;
        if (!sentence.resampler) {
            sentence.resampler = new Resampler(rate, this.context.sampleRate);
            sentence.rate = rate;
            sentence.received = sentence.from = at;
        }
        sentence.lastCame = utterance.lastCame = performance.now();
        if (at > sentence.received) this.add(sentence, new Float32Array(Math.min(at - sentence.received, rate * LARGEST_GAP_S)));
        const skip = Math.max(0, sentence.received - at);
        sentence.received = Math.max(sentence.received, at + sound.length);
        if (skip < sound.length) this.add(sentence, toFloat(sound.subarray(skip)));
        this.pump();
    }

    /* A whole sentence, decoded at the context's rate. */
    whole(key: string, index: number, sound: Float32Array<ArrayBuffer>): void {
        const sentence = this.sentence(this.utterance(key), index);
        Object.assign(sentence, { samples: sound, length: sound.length, rate: this.context.sampleRate, received: sound.length, whole: true });
        this.pump();
    }

    /* No more sound of this sentence comes; without an index, none of the utterance. */
    finish(key: string, index: number | null): void {
        const utterance = this.queue.find((one) => one.key === key);
        if (!utterance) return;
        for (const [number, sentence] of utterance.sentences) if (index === null || number === index) this.seal(sentence);
        if (index === null) utterance.over = true;
        else if (!utterance.sentences.has(index)) this.seal(this.sentence(utterance, index));
        this.pump();
    }

    finishAll(): void {
        for (const utterance of [...this.queue]) this.finish(utterance.key, null);
    }

    knows(key: string): boolean {
        return this.queue.some((one) => one.key === key);
    }

    private utterance(key: string): Utterance {
        let found = this.queue.find((one) => one.key === key);
        if (!found) this.queue.push((found = { key, sentences: new Map(), index: 0, cursor: 0, over: false, begun: false, lastCame: 0 }));
        found.lastCame = performance.now();
        return found;
    }

    private sentence(utterance: Utterance, index: number): Sentence {
        let found = utterance.sentences.get(index);
        if (!found) {
            found = { samples: new Float32Array(0), length: 0, resampler: null, rate: 0, received: 0, from: 0, whole: false, lastCame: performance.now() };
            utterance.sentences.set(index, found);
            /* Who comes later begins with what there is. */
            if (!utterance.begun) utterance.index = Math.min(...utterance.sentences.keys());
        }
        return found;
    }

    private seal(sentence: Sentence): void {
        if (sentence.whole) return;
        if (sentence.resampler) this.append(sentence, sentence.resampler.flush());
        sentence.resampler = null;
        sentence.whole = true;
    }

    private add(sentence: Sentence, sound: Float32Array): void {
        if (sentence.resampler) this.append(sentence, sentence.resampler.push(sound));
    }

    private append(sentence: Sentence, sound: Float32Array): void {
        const length = sentence.length + sound.length;
        if (length > sentence.samples.length) {
            const larger = new Float32Array(Math.max(length, sentence.samples.length * 2, this.context.sampleRate));
            larger.set(sentence.samples.subarray(0, sentence.length));
            sentence.samples = larger;
        }
        sentence.samples.set(sound, sentence.length);
        sentence.length = length;
    }

    /* ---- onto the clock ---- */

    private pump(): void {
        clearInterval(this.timer);
        if (this.queue.length) this.timer = setInterval(() => this.tick(), PUMP_MS);
        this.tick();
    }

    private tick(): void {
        this.forget();
        this.announce();
        if (!this.held && this.running) {
            for (let utterance = this.toSchedule(); utterance; utterance = this.toSchedule()) {
                const sentence = utterance.sentences.get(utterance.index);
                const left = sentence ? sentence.length - utterance.cursor : 0;
                if (!(sentence && left > 0 ? this.lay(utterance, sentence, left) : this.advance(utterance, sentence))) break;
            }
        }
        if (!this.queue.length) clearInterval(this.timer);
    }

    private remains(utterance: Utterance): boolean {
        return [...utterance.sentences].some(([index, one]) => index > utterance.index || (index === utterance.index && (utterance.cursor < one.length || !one.whole)));
    }

    /* The utterance whose turn it is; one that waits for more holds up the next, unless it has fallen silent. */
    private toSchedule(): Utterance | undefined {
        return this.queue.find((one, i) => {
            if (!one.over && i + 1 < this.queue.length && performance.now() - one.lastCame > SILENT_MS) one.over = true;
            return !one.over || this.remains(one);
        });
    }

    /* Puts the next piece of a sentence on the clock; false when that must wait. */
    private lay(utterance: Utterance, sentence: Sentence, left: number): boolean {
        const rate = this.context.sampleRate;
        const now = this.context.currentTime;
        const idle = this.nextAt <= now;
        if (this.nextAt > now + HORIZON_S) return false;
        if (idle && left < JITTER_S * rate && !sentence.whole) return false;
        if (idle) {
            /* Sound came too late within a sentence: told to whoever looks at the page's timings. */
            if (utterance.cursor > 0 && this.nextAt > 0) performance.mark('voice-underrun', { detail: { missing_ms: (now - this.nextAt) * 1000 } });
            this.nextAt = Math.ceil((now + LEAD_S) * rate) / rate;
        }
        const count = Math.min(left, Math.floor(LONGEST_PIECE_S * rate));
        const buffer = this.context.createBuffer(1, count, rate);
        buffer.copyToChannel(sentence.samples.subarray(utterance.cursor, utterance.cursor + count), 0);
        const source = this.context.createBufferSource();
        source.buffer = buffer;
        source.connect(this.gate);
        source.start(this.nextAt);
        this.pieces.push({ source, utterance, index: utterance.index, from: utterance.cursor, count, at: this.nextAt });
        utterance.begun = true;
        utterance.cursor += count;
        /* Counted in samples: a sum of fractions would drift off the grid. */
        this.nextAt = Math.round(this.nextAt * rate + count) / rate;
        return true;
    }

    /* Past a sentence of which nothing is left; false when one must wait for more. */
    private advance(utterance: Utterance, sentence: Sentence | undefined): boolean {
        const later = [...utterance.sentences.keys()].filter((index) => index > utterance.index);
        const skipped = later.length > 0 && (!sentence || performance.now() - sentence.lastCame > GIVE_UP_MS);
        if (!sentence?.whole && !utterance.over && !skipped) return false;
        if (sentence && !sentence.whole) {
            this.seal(sentence);
            if (utterance.cursor < sentence.length) return true;
        }
        utterance.index = later.length ? Math.min(...later) : utterance.index + 1;
        utterance.cursor = 0;
        return later.length > 0 || utterance.over;
    }

    /* Lets go of what was heard. */
    private forget(): void {
        const now = this.context.currentTime - this.latency;
        while (this.pieces[0] && this.end(this.pieces[0]) < now) {
            this.place();
            this.pieces.shift();
        }
        for (const first of [...this.queue]) {
            if (!first.over || this.remains(first) || this.pieces.some((piece) => piece.utterance === first)) break;
            this.drop(first);
        }
    }

    private drop(utterance: Utterance): void {
        this.queue = this.queue.filter((one) => one !== utterance);
        if (this.last?.utterance === utterance.key) this.last = { ...this.last, sounding: false };
        this.events.ended(utterance.key);
    }

    private announce(): void {
        const place = this.place();
        if (!place?.sounding) return;
        const name = `${place.utterance}/${place.index}`;
        if (name === this.announced) return;
        this.announced = name;
        const first = this.pieces.find((piece) => piece.utterance.key === place.utterance && piece.index === place.index);
        const ago = this.context.currentTime - this.latency - (first?.at ?? this.context.currentTime);
        this.events.began(place.utterance, place.index, performance.now() - ago * 1000);
    }

    /* ---- where it is ---- */

    private get latency(): number {
        return this.context.outputLatency || this.context.baseLatency || 0;
    }

    private end(piece: Piece): number {
        return piece.at + piece.count / this.context.sampleRate;
    }

    private msOf(utterance: Utterance, index: number, sample: number): number {
        const sentence = utterance.sentences.get(index);
        const before = sentence && sentence.rate ? (sentence.from / sentence.rate) * 1000 : 0;
        return before + (sample / this.context.sampleRate) * 1000;
    }

    /* What is heard now, else what was heard last. */
    place(): Place | null {
        if (this.held) return this.last;
        const now = this.context.currentTime - this.latency;
        const piece = this.pieces.findLast((one) => one.at <= now);
        if (!piece) return this.last && { ...this.last, sounding: false };
        const gone = Math.min(now - piece.at, piece.count / this.context.sampleRate);
        this.last = { utterance: piece.utterance.key, index: piece.index, ms: this.msOf(piece.utterance, piece.index, piece.from + gone * this.context.sampleRate), sounding: now < this.end(piece) };
        return this.last;
    }

    /* ---- silence ---- */

    /* Silent within FADE_S; answers where it was. */
    pause(): Place | null {
        if (this.held) return this.last;
        const place = this.place();
        const now = this.context.currentTime;
        const heard = now - this.latency;
        this.gate.gain.cancelScheduledValues(now);
        this.gate.gain.setValueAtTime(this.gate.gain.value, now);
        this.gate.gain.linearRampToValueAtTime(0, now + FADE_S);
        for (const one of this.pieces) one.source.stop(now + FADE_S);
        const rate = this.context.sampleRate;
        const current = this.pieces.findLast((one) => one.at <= heard) ?? this.pieces[0];
        /* What was on the clock is to be scheduled again; from the last to the first, so that the first counts. */
        for (const piece of this.pieces.toReversed())
            if (!current || piece.at >= current.at) Object.assign(piece.utterance, { index: piece.index, cursor: piece.from });
        if (current) current.utterance.cursor = Math.max(0, Math.round(current.from + Math.min(current.count, (heard - current.at - REWIND_S) * rate)));
        this.pieces = [];
        this.nextAt = 0;
        this.held = true;
        this.last = place && { ...place, sounding: false };
        return this.last;
    }

    resume(): void {
        if (!this.held) return;
        this.held = false;
        const now = this.context.currentTime;
        this.gate.gain.cancelScheduledValues(now);
        this.gate.gain.setValueAtTime(0, now);
        this.gate.gain.linearRampToValueAtTime(1, now + FADE_S);
        this.pump();
    }

    /* Silent at once; the utterance (or all) is dropped. */
    stop(key: string | null = null): Place | null {
        const place = this.pause();
        for (const utterance of [...this.queue]) if (key === null || utterance.key === key) this.drop(utterance);
        this.resume();
        return place;
    }

    close(): void {
        clearInterval(this.timer);
        void this.context.close();
    }
}
