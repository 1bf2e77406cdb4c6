// From visemes to a mouth that can be drawn: how far it is open, how wide, how round. Visemes are the fifteen of Oculus
// with weights at times; between two keys of one viseme its weight goes straight from one to the other (docs/VOICE.md).
import type { EventData } from '../generated/types';

export type VisemeKey = EventData['visemes']['frames'][number];

export interface MouthShape {
    /* 0 closed .. 1 wide open */
    open: number;
    /* -1 narrow .. 1 spread */
    wide: number;
    round: number;
}

/* open, wide, round of each; measures of a drawing, not of a face. */
const SHAPES: Record<string, [number, number, number]> = {
    sil: [0, 0, 0],
    PP: [0, -0.1, 0.1],
    FF: [0.12, 0.1, 0],
    TH: [0.22, 0.15, 0],
    DD: [0.25, 0.2, 0],
    kk: [0.3, 0.1, 0],
    CH: [0.25, -0.4, 0.6],
    SS: [0.15, 0.5, 0],
    nn: [0.2, 0.2, 0],
    RR: [0.3, -0.3, 0.5],
    aa: [1, 0.1, 0.1],
    E: [0.6, 0.6, 0],
    I: [0.4, 0.8, 0],
    O: [0.75, -0.5, 0.9],
    U: [0.4, -0.8, 1],
    ih: [0.4, 0.8, 0],
    oh: [0.75, -0.5, 0.9],
    ou: [0.4, -0.8, 1],
};

export class Mouth {
    private tracks = new Map<string, VisemeKey[]>();

    add(frames: VisemeKey[]): void {
        for (const key of frames) {
            const track = this.tracks.get(key.viseme) ?? [];
            track.push(key);
            this.tracks.set(key.viseme, track);
        }
        for (const track of this.tracks.values()) track.sort((a, b) => a.at_ms - b.at_ms);
    }

    at(ms: number): MouthShape {
        const shape = { open: 0, wide: 0, round: 0 };
        for (const [viseme, track] of this.tracks) {
            const [open, wide, round] = SHAPES[viseme] ?? [0.3, 0, 0];
            const weight = weightAt(track, ms);
            shape.open += open * weight;
            shape.wide += wide * weight;
            shape.round += round * weight;
        }
        return shape;
    }
}

function weightAt(track: VisemeKey[], ms: number): number {
    const next = track.findIndex((key) => key.at_ms > ms);
    if (next === 0) return 0;
    if (next < 0) return 0;
    const [a, b] = [track[next - 1]!, track[next]!];
    return a.weight + ((b.weight - a.weight) * (ms - a.at_ms)) / Math.max(1, b.at_ms - a.at_ms);
}
