// What the pages of personas read from the server and `make types` does not describe yet.
import type { ContentLimits, Persona, PersonaSummary as Summary } from './generated/types';

export type { Asset, ContentLimits, PersonaTag as TagCount, Profile } from './generated/types';

/** A persona in a list: enough to show a card of it. */
export type PersonaSummary = Summary & { deleted_at?: string | null };

export type ContentRules = Omit<ContentLimits, 'confirmed_at'>;

/** A persona whole, with what came after the first form of the generated types. */
export type WholePersona = Persona & { portrait?: string | null; creator?: string | null };

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
