// Finds spoken words in the text that stands on the page, so that the one that is heard can be marked there. A sentence
// is spoken in words of its own (numbers written out, Markdown gone): what is not found again is passed over. Marks are
// CSS highlights: they touch no element, so that a screen reader and a selection notice nothing of them. Browsers
// without them show the caption line only.
import type { EventData } from '../generated/types';

export type Word = EventData['caption']['words'][number];

const LOOK_AHEAD = 120;
/* As many characters as before. Voices that read plain letters only give words without accents. */
const letters = (text: string): string => text.toLowerCase().replace(/[’]/g, "'").replace(/[\u00c0-\u024f]/g, (letter) => letter.normalize('NFD')[0] ?? letter);

/* For each word its place in `text` [from, to), or null; in order, from `start` on. */
export function locate(text: string, words: Word[], start = 0): ([number, number] | null)[] {
    const hay = letters(text);
    let at = start;
    return words.map(({ text: word }) => {
        const needle = letters(word).replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
        if (!needle) return null;
        const found = hay.indexOf(needle, at);
        if (found < 0 || found > at + LOOK_AHEAD) return null;
        at = found + needle.length;
        return [found, at];
    });
}

/* The word of this moment; the one before it while nothing is said. */
export function wordAt(words: Word[], ms: number): number {
    let found = -1;
    for (let i = 0; i < words.length && words[i]!.from_ms <= ms; i++) found = i;
    return found;
}

/* Offsets in what the server calls bytes (UTF-8) as offsets in a string. */
export function fromBytes(text: string, bytes: number): number {
    const encoded = new TextEncoder().encode(text).subarray(0, bytes);
    return new TextDecoder().decode(encoded).length;
}

/* A range over the characters [from, to) of the text below an element. */
export function rangeOf(root: Node, from: number, to: number): Range | null {
    const range = document.createRange();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    let before = 0;
    let began = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const length = node.textContent?.length ?? 0;
        if (!began && before + length > from) {
            range.setStart(node, from - before);
            began = true;
        }
        if (began && before + length >= to) {
            range.setEnd(node, to - before);
            return range;
        }
        before += length;
    }
    return null;
}

/* Where in the page's text that goes with `shown` the raw `prefix` of a message ends: by its words, as Markdown's own
   signs are not shown. */
export function endOfPrefix(shown: string, prefix: string): number {
    const words = prefix.split(/[^\p{L}\p{N}]+/u).filter(Boolean).map((text) => ({ text, from_ms: 0, to_ms: 0 }));
    const last = locate(shown, words).findLast((place) => place !== null);
    return last ? last[1] : 0;
}

type Name = 'spoken' | 'unheard';

/* Marks a range, as long as nobody calls what this answers. */
export function mark(name: Name, range: Range): () => void {
    if (typeof Highlight === 'undefined' || !CSS.highlights) return () => {};
    let highlight = CSS.highlights.get(name);
    if (!highlight) CSS.highlights.set(name, (highlight = new Highlight()));
    const set = highlight;
    set.add(range);
    return () => void set.delete(range);
}
