// What the fields of a persona are called on the page, and how their values read: the editor, the versions and the
// choice between two changes use the same words.
import type { Traits } from './generated/types';

export const FIELD_NAMES: Record<string, string> = {
    name: 'Name',
    slug: 'Name in addresses',
    nickname: 'Called in rooms',
    description: 'Who is it?',
    personality: 'Personality',
    scenario: 'Scenario',
    greeting: 'Greeting',
    greetings: 'Other greetings',
    examples: 'Examples',
    system_prompt: 'System prompt',
    post_history: 'After the conversation',
    traits: 'Traits',
    voice: 'Voice',
    sampling: 'Sampling',
    avatar: 'Avatar',
    engine: 'Engine',
    boundaries: 'Boundaries',
    goals: 'Goals',
    starters: 'Starters',
    tags: 'Tags',
    content: 'Content limits',
    adult: 'For adults',
    romance: 'Romance',
    avoid_words: 'Words it does not say',
    avoid_themes: 'Themes it keeps away from',
    lorebook: 'Lorebook',
    lorebooks: 'Lorebooks',
    files: 'Portrait and files',
    card: 'What only its card knows',
};

export const TRAITS: [keyof Traits, string, string, string][] = [
    ['openness', 'Openness', 'down to earth', 'imaginative'],
    ['conscientiousness', 'Conscientiousness', 'spontaneous', 'orderly'],
    ['extraversion', 'Extraversion', 'reserved', 'outgoing'],
    ['agreeableness', 'Agreeableness', 'challenging', 'kind'],
    ['neuroticism', 'Sensitivity', 'unshakable', 'easily moved'],
    ['humor', 'Humour', 'serious', 'playful'],
    ['formality', 'Formality', 'casual', 'formal'],
    ['talkativeness', 'Talkativeness', 'terse', 'talkative'],
];

export function fieldName(field: string): string {
    const known = FIELD_NAMES[field];
    if (known) return known;
    const words = field.replace(/[_.]/g, ' ').trim();
    return words ? words[0]!.toUpperCase() + words.slice(1) : field;
}

function memberName(key: string): string {
    return TRAITS.find(([trait]) => trait === key)?.[1] ?? fieldName(key);
}

/* A value as text: a list one a line, an object one member a line. */
export function shown(value: unknown): string {
    if (value === null || value === undefined || value === '') return '';
    if (typeof value === 'boolean') return value ? 'Yes' : 'No';
    if (Array.isArray(value)) return value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join('\n');
    if (typeof value === 'object')
        return Object.entries(value)
            .filter(([, inner]) => inner !== null && inner !== '' && !(Array.isArray(inner) && inner.length === 0))
            .map(([key, inner]) => `${memberName(key)}: ${Array.isArray(inner) ? inner.join(', ') : shown(inner)}`)
            .join('\n');
    return String(value);
}
