// What the pages of personas read from the server and `make types` does not describe yet.
import type { Persona } from './generated/types';

/** A persona in a list: enough to show a card of it. */
export interface PersonaSummary {
    id: string;
    slug: string;
    name: string;
    tagline: string;
    tags: string[];
    creator: string | null;
    portrait: string | null;
    engine: string | null;
    adult: boolean;
    favourite: boolean;
    created_at: string;
    updated_at: string;
    version: number;
    deleted_at?: string | null;
}

export interface ContentRules {
    adult: boolean;
    romance: boolean;
    avoid_words: string[];
    avoid_themes: string[];
}
export interface ContentLimits extends ContentRules {
    confirmed_at: string | null;
}

/** A persona whole, with what came after the first form of the generated types. */
export type WholePersona = Persona & {
    portrait?: string | null;
    favourite?: boolean;
    content?: Partial<ContentRules>;
    lorebooks?: string[];
    creator?: string | null;
};

export interface TagCount {
    tag: string;
    count: number;
}

export interface PersonaVersion {
    version: number;
    at: string;
    author: string | { name?: string } | null;
    note: string | null;
    changed: string[];
}
export interface Hunk {
    op: 'same' | 'removed' | 'added';
    text: string;
}
export interface FieldDifference {
    field: string;
    before: unknown;
    after: unknown;
    hunks?: Hunk[];
}
export interface VersionDifference {
    from: number;
    to: number;
    fields: FieldDifference[];
}

export interface LoreActivation {
    book?: string;
    entry?: string | number;
    name?: string;
    why?: string;
    key?: string | null;
    position?: string;
    tokens?: number;
}
export interface PromptPart {
    part: string;
    tokens: number;
    text: string;
}
export interface PromptPreview {
    messages: { role: string; text: string }[];
    parts: PromptPart[];
    tokens: number;
    budget: number | null;
    lore?: LoreActivation[];
}

export interface Profile {
    id: string;
    name: string;
    description: string;
    default: boolean;
    version: number;
    created_at: string;
    updated_at: string;
}

export interface Asset {
    index: number;
    type: string;
    name: string;
    ext: string;
    uri: string;
    size: number;
    sha256: string;
    url: string;
}
