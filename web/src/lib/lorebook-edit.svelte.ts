// One lorebook being edited: its head, its entries, which of them were touched, and the way back to the server. Entries
// lie in a plain array that is replaced as a whole, so two thousand of them cost no more than their pointers. A save
// sends touched entries whole and of the others only the id: the server keeps what is not said, also what this page has
// no field for.
import { ApiError, errorText, sendTagged, type Tagged } from './api';
import type { LoreEntry, Lorebook } from './generated/types';

export type Entry = LoreEntry & { fresh?: boolean };
export interface Head {
    name: string;
    description: string;
    everywhere: boolean;
    scan_depth: number | null;
    token_budget: number | null;
    recursive_scanning: boolean | null;
}

const headOf = (book: Lorebook | null): Head => ({
    name: book?.name ?? '',
    description: book?.description ?? '',
    everywhere: book?.everywhere ?? false,
    scan_depth: book?.scan_depth ?? null,
    token_budget: book?.token_budget ?? null,
    recursive_scanning: book?.recursive_scanning ?? null,
});

/** What an entry is called in lists. */
export const titleOf = (entry: Entry): string => entry.name || entry.comment || entry.keys?.join(', ') || 'Without a name';

export class BookEdit {
    head = $state<Head>(headOf(null));
    entries = $state.raw<Entry[]>([]);
    busy = $state(false);
    problem = $state<string | null>(null);
    conflict = $state(false);
    chosen = $state<string | null>(null);
    etag: string | null;
    leaving = false;

    private base = $state.raw<Lorebook | null>(null);
    private touched = $state.raw(new Set<string>());
    private listChanged = $state(false);
    private nextFresh = 1;

    dirty = $derived(this.touched.size > 0 || this.listChanged || JSON.stringify(this.head) !== JSON.stringify(headOf(this.base)));

    /** `own`: the book in a persona's card; it has no `everywhere`. */
    constructor(
        readonly path: string,
        readonly own: boolean,
        loaded: Tagged<Lorebook> | null,
        etag: string | null = null,
    ) {
        this.etag = loaded?.etag ?? etag;
        this.take(loaded?.value ?? null);
    }

    private take(book: Lorebook | null): void {
        this.base = book;
        this.head = headOf(book);
        this.entries = book?.entries ?? [];
        this.touched = new Set();
        this.listChanged = false;
    }

    entry(id: string | null): Entry | undefined {
        return id === null ? undefined : this.entries.find((entry) => entry.id === id);
    }

    change(id: string, part: Partial<Entry>): void {
        this.entries = this.entries.map((entry) => (entry.id === id ? { ...entry, ...part } : entry));
        if (!this.touched.has(id)) this.touched = new Set(this.touched).add(id);
    }

    add(like?: Entry): void {
        const id = `new-${this.nextFresh++}`;
        const plain: Entry = { id, name: '', comment: '', keys: [], secondary_keys: [], selective: true, logic: 'and_any', content: '', enabled: true, position: 'after_char', depth: 4, role: 'system', order: 100, probability: 100 };
        this.entries = [{ ...(like ?? plain), id, fresh: true }, ...this.entries];
        this.touched = new Set(this.touched).add(id);
        this.listChanged = true;
        this.chosen = id;
    }

    remove(id: string): void {
        const at = this.entries.findIndex((entry) => entry.id === id);
        this.entries = this.entries.filter((entry) => entry.id !== id);
        this.listChanged = true;
        this.chosen = this.entries[Math.min(at, this.entries.length - 1)]?.id ?? null;
    }

    /** One place up or down in the book's own order. */
    move(id: string, by: number): void {
        const from = this.entries.findIndex((entry) => entry.id === id);
        const to = from + by;
        if (from < 0 || to < 0 || to >= this.entries.length) return;
        const list = [...this.entries];
        list.splice(to, 0, ...list.splice(from, 1));
        this.entries = list;
        this.listChanged = true;
    }

    /** The book as it is to be tried out: everything, also what is not saved. */
    whole(): object {
        return { ...this.head, entries: this.entries.map((entry) => bare(entry)) };
    }

    private body(): object {
        const { everywhere, ...rest } = this.head;
        const entries = this.entries.map((entry) => (this.touched.has(entry.id) ? bare(entry) : { id: entry.id }));
        return { ...rest, ...(this.own ? {} : { everywhere }), entries };
    }

    async save(anyway = false): Promise<boolean> {
        this.busy = true;
        this.problem = null;
        const at = this.entries.findIndex((entry) => entry.id === this.chosen);
        try {
            const saved = await sendTagged<Lorebook>('PUT', this.path, this.body(), anyway ? null : this.etag);
            this.etag = saved.etag;
            this.take(saved.value);
            this.chosen = this.entries[at]?.id ?? null;
            this.conflict = false;
            return true;
        } catch (cause) {
            if (cause instanceof ApiError && cause.status === 412) this.conflict = true;
            else this.problem = errorText(cause);
            return false;
        } finally {
            this.busy = false;
        }
    }

    discard(): void {
        this.take(this.base);
        this.chosen = null;
        this.problem = null;
    }
}

/* Fresh entries get their id from the server. */
function bare({ fresh, ...entry }: Entry): object {
    if (!fresh) return entry;
    const { id: _, ...rest } = entry;
    return rest;
}
