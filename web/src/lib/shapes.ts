// What the pages of personas call the server's shapes, and what they add to them.
import type { ContentLimits, Persona, PersonaSummary as Summary } from './generated/types';

export type { Asset, ContentLimits, DiffHunk as Hunk, FieldDiff as FieldDifference, PersonaDiff as VersionDifference, PersonaTag as TagCount, PersonaVersion, Profile } from './generated/types';

/** A persona in a list: enough to show a card of it. */
export type PersonaSummary = Summary & { deleted_at?: string | null };

export type ContentRules = Omit<ContentLimits, 'confirmed_at'>;

/** A persona whole, with what came after the first form of the generated types. */
export type WholePersona = Persona & { portrait?: string | null; creator?: string | null };
