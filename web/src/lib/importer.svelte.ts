// Brings in many cards: each is a request of its own, a few at a time, with its fate kept for the report. It goes on
// while one looks at other pages. The server says what an identical card is (200) and why one is refused; a server that
// is busy or away is asked again after a while, so that a restart in the middle costs nothing.
import { ApiError, errorText, request } from './api';
import { app } from './app.svelte';
import { pause } from './finder.svelte';
import type { WholePersona } from './shapes';

export interface Found {
    path: string;
    file: () => Promise<File>;
}
export interface Refusal {
    path: string;
    reason: string;
}

const PARALLEL = 5;
const TRIES = 6;
const BUSY_WAIT_MS = 800;
const RATE_OVER_MS = 6_000;
const TYPES: Record<string, string> = {
    png: 'image/png',
    apng: 'image/png',
    json: 'application/json',
    charx: 'application/zip',
    zip: 'application/zip',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    webp: 'image/webp',
};
export const ACCEPT = '.png,.apng,.json,.charx,.zip,.jpg,.jpeg,.webp';

const ending = (path: string): string => /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
/* What folders hold besides: hidden files, and what other systems leave there. */
const isCard = (path: string): boolean => ending(path) in TYPES && !path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');

class Importer {
    state = $state<'idle' | 'reading' | 'running' | 'done'>('idle');
    total = $state(0);
    imported = $state(0);
    same = $state(0);
    ignored = $state(0);
    refused = $state.raw<Refusal[]>([]);
    cancelled = $state(false);
    /* Cards a second, over the last seconds. */
    rate = $state(0);
    startedAt = 0;
    tookMs = $state(0);
    last = $state.raw<WholePersona | null>(null);
    open = $state(false);

    private queue: Found[] = [];
    private abort = new AbortController();
    private workers = 0;
    private readers = 0;
    private ends: number[] = [];
    private finished: (() => void)[] = [];

    done = $derived(this.imported + this.same + this.refused.length);
    left_ms = $derived(this.rate > 0 ? ((this.total - this.done) / this.rate) * 1000 : null);

    private begin(): void {
        if (this.state === 'reading' || this.state === 'running') return;
        this.total = this.imported = this.same = this.ignored = this.rate = this.tookMs = 0;
        this.refused = [];
        this.ends = [];
        this.queue = [];
        this.cancelled = false;
        this.last = null;
        this.abort = new AbortController();
        this.startedAt = performance.now();
        this.state = 'reading';
        this.open = true;
        addEventListener('beforeunload', hold);
    }

    /* Files of a picker; a folder's have their way in it. */
    files(list: Iterable<File>): Promise<void> {
        const found: Found[] = [];
        this.begin();
        for (const file of list) this.sort(file.webkitRelativePath || file.name, async () => file, found);
        this.add(found);
        return this.over();
    }

    /* What was dropped; the entries must be taken while the event lasts. */
    dropped(data: DataTransfer): Promise<void> {
        const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
        if (entries.every((entry) => entry === null)) return this.files(data.files);
        this.begin();
        this.readers++;
        void (async () => {
            for (const entry of entries) if (entry) await this.walk(entry, '');
            this.readers--;
            this.settle();
        })();
        return this.over();
    }

    private over(): Promise<void> {
        return new Promise((resolve) => {
            this.finished.push(resolve);
            this.settle();
        });
    }

    private async walk(entry: FileSystemEntry, way: string): Promise<void> {
        if (this.cancelled) return;
        const path = way ? `${way}/${entry.name}` : entry.name;
        if (entry.isFile) {
            const found: Found[] = [];
            this.sort(path, () => new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)), found);
            this.add(found);
            return;
        }
        const reader = (entry as FileSystemDirectoryEntry).createReader();
        /* A reader gives a hundred at a time, and nothing at the end. */
        for (;;) {
            const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch((cause: unknown) => {
                this.refuse(path, `This folder could not be read: ${errorText(cause)}`);
                return [];
            });
            if (some.length === 0) return;
            for (const inside of some) await this.walk(inside, path);
        }
    }

    private sort(path: string, file: () => Promise<File>, into: Found[]): void {
        if (isCard(path)) into.push({ path, file });
        else if (!path.includes('/')) {
            this.total++;
            this.refuse(path, 'This is no character card. Cards are .png, .json, .charx, .jpg, .webp or .zip files.');
        } else this.ignored++;
    }

    private add(found: Found[]): void {
        this.total += found.length;
        this.queue.push(...found);
        while (this.workers < PARALLEL && this.queue.length > 0) {
            this.workers++;
            this.state = 'running';
            void this.work();
        }
    }

    private async work(): Promise<void> {
        for (let one = this.queue.shift(); one && !this.cancelled; one = this.queue.shift()) await this.bring(one);
        this.workers--;
        this.settle();
    }

    private async bring({ path, file }: Found): Promise<void> {
        const { signal } = this.abort;
        try {
            const data = await file();
            const response = await this.post(data, TYPES[ending(path)]!, signal);
            const made = (await response.json()) as WholePersona;
            if (response.status === 200) this.same++;
            else this.imported++;
            this.last = made;
        } catch (cause) {
            if (signal.aborted) return;
            this.refuse(path, cause instanceof ApiError ? cause.message : `The file could not be read: ${errorText(cause)}`);
        }
        this.measure();
    }

    private async post(data: File, type: string, signal: AbortSignal): Promise<Response> {
        for (let tried = 1; ; tried++) {
            try {
                return await request('POST', '/api/personas/import?same=skip', { raw: { data, type }, signal });
            } catch (cause) {
                const again = cause instanceof ApiError && [0, 429, 503].includes(cause.status) && tried < TRIES;
                if (!again || !(await pause(BUSY_WAIT_MS * tried, signal))) throw cause;
            }
        }
    }

    private refuse(path: string, reason: string): void {
        this.refused = [...this.refused, { path, reason }];
    }

    private measure(): void {
        const now = performance.now();
        this.ends.push(now);
        while (this.ends.length > 1 && now - this.ends[0]! > RATE_OVER_MS) this.ends.shift();
        const over = now - this.ends[0]!;
        if (over > 300) this.rate = ((this.ends.length - 1) / over) * 1000;
    }

    private settle(): void {
        if (this.workers || this.readers || (this.queue.length && !this.cancelled) || this.state === 'idle' || this.state === 'done') return;
        this.state = 'done';
        this.tookMs = performance.now() - this.startedAt;
        removeEventListener('beforeunload', hold);
        if (this.imported + this.same > 0) void app.refreshPersonas();
        for (const tell of this.finished.splice(0)) tell();
    }

    cancel(): void {
        this.cancelled = true;
        this.queue = [];
        this.abort.abort();
        this.settle();
    }

    close(): void {
        this.open = false;
        if (this.state === 'done') this.state = 'idle';
    }

    /* The report as a text for whoever has to look into it. */
    get report(): string {
        const lines = [
            `Import of ${new Date().toLocaleString()}`,
            `${this.imported} imported, ${this.same} already here, ${this.refused.length} refused, ${this.ignored} other files left alone${this.cancelled ? ', cancelled before the end' : ''}.`,
        ];
        if (this.refused.length) lines.push('', 'Refused:', ...this.refused.map(({ path, reason }) => `${path}\n    ${reason}`));
        return lines.join('\n') + '\n';
    }
}

function hold(event: BeforeUnloadEvent): void {
    event.preventDefault();
}

export const importer = new Importer();
