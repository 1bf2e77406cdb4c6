// Why an entry of a lorebook was brought up or left out, in words.
import type { LoreHit } from './generated/types';

const PLACES: Record<string, string> = {
    before_char: 'before who the persona is',
    after_char: 'after who the persona is',
    top_note: 'in the note',
    bottom_note: 'in the note',
    before_examples: 'before the examples',
    after_examples: 'after the examples',
    personality: 'with the personality',
    scenario: 'with the scenario',
};
const DROPPED: Record<NonNullable<LoreHit['dropped']>, string> = {
    budget: 'no room in the budget for lore',
    context: 'no room in the prompt',
    probability: 'the dice said no',
    cooldown: 'it rests for a while',
    delay: 'too little was said so far',
    group: 'another of its group was taken',
    secondary_keys: 'its further keys did not agree',
    decorator: 'its own rules say no',
};

function because(hit: LoreHit): string {
    if (hit.why === 'constant') return 'always known';
    if (hit.why === 'sticky') return 'still in mind from before';
    if (hit.why === 'decorator') return 'always, by its own rules';
    if (hit.why === 'recursion') return `another entry says “${hit.key ?? ''}”`;
    return `“${hit.key ?? ''}” was said`;
}

export function why(hit: LoreHit): string {
    if (hit.dropped) return DROPPED[hit.dropped] ?? hit.dropped;
    const place = hit.position === 'at_depth' ? `${hit.depth ?? hit.from_start ?? 0} messages from the ${hit.depth === undefined ? 'beginning' : 'end'}` : (PLACES[hit.position] ?? hit.position);
    return `${because(hit)}; ${place}, ${hit.tokens} tokens`;
}
