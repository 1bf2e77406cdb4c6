// Marks in a message what is heard of it: the word of this moment while it is spoken, and, after it was interrupted,
// all that nobody heard. For MessageRow, which gives the element that its text stands in.
import { speaker } from './speaker.svelte';
import { endOfPrefix, locate, mark, rangeOf } from './words';

interface Shown {
    /* The element with the text, as it is now. */
    element: () => HTMLElement | undefined;
    text: () => string;
    turn: () => string | null;
    message: () => string | null;
    /* What was heard of it; null where it was not interrupted. */
    heard: () => string | null;
}

/* Call it while a component is set up. */
export function markWords(shown: Shown): void {
    /* Where the words of the sentence that is heard stand; looked up once a sentence, and when the text grew. */
    let places: { key: string; of: ([number, number] | null)[] } = { key: '', of: [] };
    let lastEnd = 0;

    $effect(() => {
        const hearing = speaker.hearing;
        const element = shown.element();
        const turn = shown.turn();
        const message = shown.message();
        const length = shown.text().length;
        if (!hearing || !element || !((turn !== null && hearing.turn === turn) || (message !== null && hearing.message === message))) {
            lastEnd = 0;
            return;
        }
        const content = element.textContent ?? '';
        const key = `${hearing.index}/${hearing.words.length}/${length}/${content.length}`;
        if (key !== places.key) {
            if (hearing.index === 0) lastEnd = 0;
            else if (places.key && !places.key.startsWith(`${hearing.index}/`)) lastEnd = places.of.findLast((place) => place !== null)?.[1] ?? lastEnd;
            places = { key, of: locate(content, hearing.words, lastEnd) };
        }
        const place = places.of.slice(0, hearing.word + 1).findLast((one) => one !== null);
        const range = place && rangeOf(element, place[0], place[1]);
        if (range) return mark('spoken', range);
    });

    $effect(() => {
        const heard = shown.heard();
        const element = shown.element();
        void shown.text();
        if (heard === null || !element) return;
        const content = element.textContent ?? '';
        const range = rangeOf(element, endOfPrefix(content, heard), content.length);
        if (range) return mark('unheard', range);
    });
}
