// Each persona's look: two hues and a form. The cast's are chosen, everybody else's follow from the slug, so that a
// persona looks the same on every device without anything being stored. The form is the outline of the aura in polar
// coordinates: r = 1 + first*cos(lobes*a) + second*cos(more*a), each ring turned by `twist` against the one inside it.

export interface Look {
    hue: number;
    second: number;
    lobes: number;
    depth: number;
    more: number;
    fine: number;
    twist: number;
    eyes: { width: number; height: number; apart: number; tilt: number; round: number };
}

const CAST: Record<string, Look> = {
    philosopher: { hue: 272, second: 90, lobes: 3, depth: 0.05, more: 6, fine: 0.015, twist: 0.34, eyes: { width: 7, height: 15, apart: 17, tilt: 0, round: 3.5 } },
    comedian: { hue: 62, second: 20, lobes: 5, depth: 0.09, more: 2, fine: 0.03, twist: 0.12, eyes: { width: 13, height: 17, apart: 19, tilt: 8, round: 6.5 } },
    scientist: { hue: 232, second: 180, lobes: 6, depth: 0.045, more: 12, fine: 0.02, twist: 0.26, eyes: { width: 12, height: 12, apart: 19, tilt: 0, round: 6 } },
    mia: { hue: 356, second: 50, lobes: 8, depth: 0.05, more: 4, fine: 0.02, twist: 0.2, eyes: { width: 11, height: 16, apart: 18, tilt: -4, round: 5.5 } },
    solene: { hue: 22, second: 340, lobes: 4, depth: 0.11, more: 8, fine: -0.03, twist: 0.08, eyes: { width: 8, height: 15, apart: 18, tilt: 13, round: 3 } },
    lyra: { hue: 310, second: 210, lobes: 3, depth: 0.08, more: 7, fine: 0.03, twist: 0.55, eyes: { width: 9, height: 17, apart: 17, tilt: -10, round: 4.5 } },
    kimi: { hue: 165, second: 225, lobes: 7, depth: 0.03, more: 14, fine: 0.018, twist: 0.42, eyes: { width: 10, height: 13, apart: 20, tilt: 3, round: 5 } },
};

function hash(text: string): number {
    let value = 2166136261;
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619);
    return value >>> 0;
}

export function look(slug: string | undefined): Look {
    const key = slug ?? '';
    const known = CAST[key];
    if (known) return known;
    const h = hash(key);
    const part = (shift: number, count: number): number => (h >>> shift) % count;
    const hue = part(0, 360);
    return {
        hue,
        second: (hue + 40 + part(5, 100)) % 360,
        lobes: 3 + part(9, 6),
        depth: 0.03 + part(12, 7) / 100,
        more: 2 + part(15, 9),
        fine: 0.01 + part(18, 3) / 100,
        twist: 0.08 + part(20, 50) / 100,
        eyes: { width: 8 + part(22, 5), height: 13 + part(24, 5), apart: 17 + part(26, 4), tilt: part(28, 15) - 7, round: 4.5 },
    };
}

/* A closed outline around (0,0) as an SVG path: `points` samples joined by quadratic curves through their middles. */
export function outline(radius: number, points: number, at: (angle: number) => number): string {
    const xs: number[] = [];
    const ys: number[] = [];
    for (let i = 0; i < points; i++) {
        const angle = (i / points) * 2 * Math.PI;
        const r = radius * at(angle);
        xs.push(r * Math.sin(angle));
        ys.push(-r * Math.cos(angle));
    }
    let path = '';
    for (let i = 0; i <= points; i++) {
        const a = i % points;
        const b = (i + 1) % points;
        const midX = ((xs[a]! + xs[b]!) / 2).toFixed(1);
        const midY = ((ys[a]! + ys[b]!) / 2).toFixed(1);
        path += i === 0 ? `M${midX} ${midY}` : `Q${xs[a]!.toFixed(1)} ${ys[a]!.toFixed(1)} ${midX} ${midY}`;
    }
    return path + 'Z';
}
