// One open room as the page sees it: a view over its events. Lasting events come in order and are applied once each
// (a number that was seen is skipped), so that a replay after a lost connection changes nothing; passing events only
// ever touch a running turn. Older messages are paged in from the REST side and merged by number.
//
// Answers beside each other: a message that is another answer (`retry_of`) joins the slot of the one it stands beside,
// and so does the turn that is writing one; the newest is shown unless somebody chose another.
//
// Of what is spoken it keeps what the log keeps: which sentences have sound, and how much an interrupter heard. What
// passes by (captions, mouth shapes) is the speaker's (voice/speaker.svelte.ts).
import { get, send, errorText } from './api';
import { connection, type Listener, type Pending } from './socket.svelte';
import { speaker } from './voice/speaker.svelte';
import type { Author, EventData, EventOf, List, Message as Stored, Mood, LoreHit, Recalled, Room, RoomEvent, RoomState, Timings, Usage, MessageMedia } from './generated/types';

const PAGE = 40;
const EVENTS_PAGE = 200;
const TYPING_FADES_MS = 6_000;

export interface Message {
    id: string;
    seq: number;
    author: Author;
    text: string;
    media: MessageMedia[];
    at: string;
    turn: string | null;
    cause: number | null;
    retryOf: string | null;
    edited: boolean;
    deleted: boolean;
    /* It was said by voice. */
    spoken: boolean;
}

export interface Line {
    seq: number;
    at: string;
    text: string;
    author: Author;
    kind: 'system' | 'mood';
}

export interface Turn {
    id: string;
    seq: number;
    author: Author;
    cause: number | null;
    retryOf: string | null;
    text: string;
    index: number;
    at: string;
    running: boolean;
    outcome: 'done' | 'cancelled' | 'failed' | null;
    error: string | null;
    engine: string | null;
    usage: Usage | null;
    timings: Timings | null;
    recalled: Recalled[];
    lore: LoreHit[];
    loreDropped: LoreHit[];
    loreWarnings: string[];
}

/* `chosen` is versions.length while `turn`, which is writing a further one, is to be seen. */
export interface MessageSlot {
    type: 'message';
    key: string;
    seq: number;
    versions: Message[];
    chosen: number;
    turn: Turn | null;
}

/* One place in the conversation: a message (with its versions), a line, or a turn that left no message. */
export type Slot =
    | MessageSlot
    | { type: 'line'; key: string; seq: number; line: Line }
    | { type: 'turn'; key: string; seq: number; turn: Turn };

const STATE_LINES: Record<RoomState, string> = {
    idle: 'Personas answer, and start nothing on their own',
    running: 'Personas now also speak on their own',
    paused: 'Paused: no new answer begins',
    stopped: 'Stopped: nobody answers until you start again',
};

export class RoomView implements Listener {
    room = $state<Room>()!;
    messages = $state<Map<number, Message>>(new Map());
    lines = $state<Line[]>([]);
    turns = $state<Record<string, Turn>>({});
    moods = $state<Record<string, Mood & { seq: number }>>({});
    /* By message: its sentences that were spoken, and what of it was heard by whoever interrupted it. */
    speech = $state<Record<string, EventData['speech'][]>>({});
    heard = $state<Record<string, EventData['message.heard']>>({});
    /* By message: the latest of it in the room's other language, or why there is none. */
    translations = $state<Record<string, EventData['translation']>>({});
    typing = $state<Record<string, string>>({});
    chosen = $state<Record<string, number>>({});
    loading = $state(true);
    loadingOlder = $state(false);
    complete = $state(false);
    problem = $state<string | null>(null);
    live = $state(false);
    /* Counts what came in; whoever scrolls looks at it. */
    version = $state(0);
    /* True once the replay that follows the join is over: only then news is worth announcing. */
    settled = $state(false);

    private lastSeq = 0;
    private clearedAt = 0;
    private edits = new Map<string, string>();
    private deletions = new Set<string>();
    private typingTimers = new Map<string, ReturnType<typeof setTimeout>>();
    private leave: (() => void) | null = null;
    private head = 0;
    private closed = false;

    constructor(room: Room) {
        this.room = room;
    }

    get id(): string {
        return this.room.id;
    }

    async open(): Promise<void> {
        try {
            const page = await get<List<Stored>>(this.messagesPath(null));
            if (this.closed) return;
            const events = [...page.data].sort((a, b) => a.seq - b.seq);
            for (const event of events) this.addMessage(event, event.edited_at !== null);
            this.complete = page.next === null;
            this.clearedAt = this.room.cleared;
            /* Replay begins where the page begins, so that turns, moods and edits within it are known too. */
            this.lastSeq = this.complete ? 0 : (events[0]?.seq ?? 1) - 1;
            this.problem = null;
            this.leave = connection.join(this);
        } catch (cause) {
            this.problem = errorText(cause);
        } finally {
            this.loading = false;
        }
    }

    close(): void {
        this.closed = true;
        this.leave?.();
        for (const timer of this.typingTimers.values()) clearTimeout(timer);
    }

    async older(): Promise<void> {
        if (this.complete || this.loadingOlder || this.loading) return;
        this.loadingOlder = true;
        try {
            const first = Math.min(...this.messages.keys());
            const page = await get<List<Stored>>(this.messagesPath(first));
            for (const event of page.data) this.addMessage(event, event.edited_at !== null);
            this.messages = new Map(this.messages);
            this.complete = page.next === null || page.data.length === 0;
            await this.olderTranslations(Math.min(...this.messages.keys()), first);
        } catch (cause) {
            this.problem = errorText(cause);
        } finally {
            this.loadingOlder = false;
        }
    }

    /* What was translated between two numbers; what is newer is known from the replay. */
    private async olderTranslations(from: number, to: number): Promise<void> {
        const found = new Map<string, EventData['translation']>();
        for (let after = from - 1, more = true; more; ) {
            const page = await get<List<RoomEvent>>(this.path(`/events?after=${after}&limit=${EVENTS_PAGE}`));
            for (const event of page.data) {
                after = event.seq ?? after;
                if (after < to && event.kind === 'translation') found.set(event.data.of, event.data);
                if (after < to && event.kind === 'message.edited') found.delete(event.data.of);
            }
            more = page.data.length > 0 && after < to;
        }
        for (const [of, data] of found) if (!(of in this.translations) && !this.edits.has(of)) this.translations[of] = data;
    }

    private messagesPath(before: number | null): string {
        const path = `/api/rooms/${encodeURIComponent(this.id)}/messages?order=desc&limit=${PAGE}`;
        return before === null ? path : `${path}&before=${before}`;
    }

    /* ---- what the socket calls ---- */

    resumeAfter(): number {
        return this.lastSeq;
    }

    has(seq: number): boolean {
        return this.messages.has(seq);
    }

    joined(head: number): void {
        this.live = true;
        this.head = head;
        this.settled = this.lastSeq >= head;
    }

    disconnected(): void {
        this.live = false;
    }

    receive(event: RoomEvent): void {
        if (event.seq === null || event.seq === undefined) {
            this.pass(event);
        } else if (event.seq > this.lastSeq) {
            this.lastSeq = event.seq;
            this.apply(event);
            if (event.seq >= this.head) this.settled = true;
        }
        this.version++;
    }

    private pass(event: RoomEvent): void {
        if (event.kind === 'turn.snapshot') {
            const turn = this.turnOf(event, event.data.turn);
            turn.text = event.data.text;
            turn.index = event.data.index;
        } else if (event.kind === 'delta' && event.turn) {
            const turn = this.turnOf(event, event.turn);
            if (event.data.index < turn.index) return;
            turn.text += event.data.text;
            turn.index = event.data.index + 1;
        } else if (event.kind === 'typing') {
            /* The person is the one who looks at this page; another tab's writing is no news. */
            if (event.author.type === 'persona') this.setTyping(event.author, event.data.on);
        } else speaker.passing(event);
    }

    private apply(event: RoomEvent): void {
        switch (event.kind) {
            case 'message':
                this.addMessage(event, false);
                this.messages = new Map(this.messages);
                this.setTyping(event.author, false);
                connection.settle(this.id, event.seq!);
                break;
            case 'message.edited':
                this.edits.set(event.data.of, event.data.text);
                delete this.translations[event.data.of];
                this.change(event.data.of, (message) => ({ ...message, text: event.data.text, edited: true }));
                break;
            case 'message.deleted':
                this.deletions.add(event.data.of);
                this.change(event.data.of, (message) => ({ ...message, deleted: true }));
                break;
            case 'turn.started':
                if (event.turn) {
                    const turn = this.turnOf(event, event.turn);
                    turn.cause = event.cause;
                    turn.retryOf = event.data.retry_of;
                    delete this.chosen[this.slotOf(turn.retryOf) ?? ''];
                }
                break;
            case 'turn.ended':
                if (event.turn) this.endTurn(this.turnOf(event, event.turn), event.data);
                break;
            case 'speech':
                this.speech[event.data.of] = [...(this.speech[event.data.of] ?? []).filter((one) => one.index !== event.data.index), event.data];
                break;
            case 'message.heard':
                this.heard[event.data.of] = event.data;
                break;
            case 'translation':
                this.translations[event.data.of] = event.data;
                break;
            case 'mood':
                this.setMood(event);
                break;
            case 'room.updated':
                if (event.data.title && event.data.title !== this.room.title) {
                    this.room.title = event.data.title;
                    this.line(event, `Renamed to “${event.data.title}”`);
                }
                break;
            case 'room.state':
                this.line(event, event.data.reason ?? STATE_LINES[event.data.state]);
                this.room.state = event.data.state;
                break;
            case 'room.cleared':
                this.clearBefore(event.seq!);
                break;
            case 'member.joined':
            case 'member.left':
                this.memberChanged(event, event.data.member);
                break;
            default:
                break;
        }
    }

    private addMessage(event: EventOf<'message'> | Stored, edited: boolean): void {
        const seq = event.seq ?? 0;
        if (seq <= this.clearedAt || this.messages.has(seq)) return;
        const { id, text } = event.data;
        this.messages.set(seq, {
            id,
            seq,
            author: event.author,
            text: this.edits.get(id) ?? text ?? '',
            media: event.data.media ?? [],
            at: event.at,
            turn: event.turn,
            cause: event.cause,
            retryOf: event.data.retry_of ?? null,
            spoken: Boolean(event.data.spoken),
            edited: edited || this.edits.has(id),
            /* A forgotten message is a tombstone: it has an id and no text. */
            deleted: this.deletions.has(id) || text === undefined || text === null,
        });
    }

    private change(id: string, how: (message: Message) => Message): void {
        for (const [seq, message] of this.messages)
            if (message.id === id) {
                this.messages = new Map(this.messages).set(seq, how(message));
                return;
            }
    }

    private turnOf(event: RoomEvent, id: string): Turn {
        return (this.turns[id] ??= {
            id,
            seq: event.seq ?? this.lastSeq + 0.5,
            author: event.author,
            cause: event.cause,
            retryOf: null,
            text: '',
            index: 0,
            at: event.at,
            running: true,
            outcome: null,
            error: null,
            engine: null,
            usage: null,
            timings: null,
            recalled: [],
            lore: [],
            loreDropped: [],
            loreWarnings: [],
        });
    }

    private endTurn(turn: Turn, data: EventData['turn.ended']): void {
        turn.running = false;
        turn.outcome = data.outcome;
        if (data.text) turn.text = data.text;
        turn.error = data.error?.message ?? null;
        turn.engine = data.engine ?? null;
        turn.usage = data.usage ?? null;
        turn.timings = data.timings ?? null;
        turn.recalled = data.recalled ?? [];
        turn.lore = data.lore ?? [];
        turn.loreDropped = data.lore_dropped ?? [];
        turn.loreWarnings = data.lore_warnings ?? [];
    }

    private setMood(event: EventOf<'mood'>): void {
        const { persona, ...mood } = event.data;
        const before = this.moods[persona];
        const name = this.room.members.find((member) => member.id === persona)?.name ?? event.author.name;
        this.moods[persona] = { ...mood, seq: event.seq ?? 0 };
        if (before && before.label !== mood.label)
            this.lines.push({ seq: event.seq!, at: event.at, author: event.author, kind: 'mood', text: `${name} feels ${mood.label}` });
    }

    private memberChanged(event: RoomEvent, member: Author): void {
        if (member.type !== 'persona') return;
        const left = event.kind === 'member.left';
        if (event.seq! > this.room.head) {
            const others = this.room.members.filter((other) => other.id !== member.id);
            this.room.members = left ? others : [...others, { type: 'persona', id: member.id, name: member.name }];
        }
        /* Who was there from the beginning is no news. */
        if ([...this.messages.keys()].some((seq) => seq < event.seq!)) this.line(event, left ? `${member.name} left` : `${member.name} joined`);
    }

    private line(event: RoomEvent, text: string): void {
        this.lines.push({ seq: event.seq!, at: event.at, author: event.author, kind: 'system', text });
    }

    private clearBefore(seq: number): void {
        this.clearedAt = Math.max(this.clearedAt, seq);
        this.messages = new Map([...this.messages].filter(([number]) => number > seq));
        this.lines = this.lines.filter((line) => line.seq > seq);
        for (const turn of Object.values(this.turns)) if (turn.seq < seq && !turn.running) delete this.turns[turn.id];
        this.complete = true;
    }

    private setTyping(author: Author, on: boolean): void {
        clearTimeout(this.typingTimers.get(author.id));
        if (!on) {
            delete this.typing[author.id];
            return;
        }
        this.typing[author.id] = author.name;
        this.typingTimers.set(
            author.id,
            setTimeout(() => delete this.typing[author.id], TYPING_FADES_MS),
        );
    }

    /* ---- what the page reads ---- */

    running = $derived(Object.values(this.turns).filter((turn) => turn.running));

    slots = $derived.by(() => this.arrange());

    private arrange(): Slot[] {
        const slots: Slot[] = this.lines.map((line) => ({ type: 'line', key: `l${line.seq}`, seq: line.seq, line }));
        const groups = new Map<string, MessageSlot>();
        const answered = new Set<string>();

        for (const message of [...this.messages.values()].sort((a, b) => a.seq - b.seq)) {
            if (message.turn) answered.add(message.turn);
            if (message.deleted) continue;
            const key = this.slotOf(message.retryOf) ?? `m${message.id}`;
            const group = groups.get(key);
            if (group) group.chosen = group.versions.push(message) - 1;
            else groups.set(key, { type: 'message', key, seq: message.seq, versions: [message], chosen: 0, turn: null });
        }
        const latest = new Map<string, number>();
        for (const turn of Object.values(this.turns)) {
            const key = `${turn.author.id}:${turn.cause}`;
            latest.set(key, Math.max(latest.get(key) ?? 0, turn.seq));
        }
        for (const turn of Object.values(this.turns)) {
            /* One that was tried again makes way for what came of it. */
            if (!turn.running && turn.cause !== null && turn.seq < latest.get(`${turn.author.id}:${turn.cause}`)!) continue;
            if (answered.has(turn.id) || (!turn.running && turn.outcome === 'done')) continue;
            const group = groups.get(this.slotOf(turn.retryOf) ?? '');
            if (!group) {
                slots.push({ type: 'turn', key: `t${turn.id}`, seq: turn.seq, turn });
            } else {
                group.turn = turn;
                if (turn.running || turn.text) group.chosen = group.versions.length;
            }
        }
        for (const slot of groups.values()) {
            const picked = this.chosen[slot.key];
            if (picked !== undefined && picked < slot.versions.length) slot.chosen = picked;
            slots.push(slot);
        }
        return slots.sort((a, b) => a.seq - b.seq);
    }

    /* The slot of the message with this id: that of the first answer, however often it was tried again. */
    private slotOf(id: string | null): string | null {
        if (id === null) return null;
        for (const message of this.messages.values())
            if (message.id === id && !message.deleted) return this.slotOf(message.retryOf) ?? `m${id}`;
        return null;
    }

    get pending(): Pending[] {
        return connection.outbox.filter((item) => item.room === this.id);
    }

    /* ---- what the page does ---- */

    choose(key: string, index: number): void {
        this.chosen[key] = index;
    }

    private path(rest: string): string {
        return `/api/rooms/${encodeURIComponent(this.id)}${rest}`;
    }

    async edit(message: Message, text: string): Promise<void> {
        await send('PATCH', this.path(`/messages/${encodeURIComponent(message.id)}`), { text });
        this.change(message.id, (old) => ({ ...old, text, edited: true }));
    }

    /* Another of the persona's greetings, while nothing else was said. The log tells the new text. */
    async greet(greeting: number): Promise<void> {
        const room = await send<Room>('POST', this.path('/greeting'), { greeting });
        this.room.greeting = room.greeting;
    }

    /* Whether personas speak aloud here when somebody listens. */
    async setVoice(voice: NonNullable<Room['voice']>): Promise<void> {
        const room = await send<Room>('PATCH', this.path(''), { voice });
        this.room.voice = room.voice;
    }

    /* Speaks a message, again or for the first time. */
    async speak(message: Message): Promise<void> {
        await speaker.replay(this.id, message.id, message.author, this.speech[message.id] ?? []);
    }

    async remove(message: Message): Promise<void> {
        await send('DELETE', this.path(`/messages/${encodeURIComponent(message.id)}`));
        this.change(message.id, (old) => ({ ...old, deleted: true }));
    }

    async retry(messageId: string): Promise<void> {
        await send('POST', this.path(`/messages/${encodeURIComponent(messageId)}/retry`));
    }

    /* A failed turn has no message; its cause has one. */
    async retryTurn(turn: Turn): Promise<void> {
        const cause = turn.cause === null ? undefined : this.messages.get(turn.cause);
        if (!cause) throw new Error('The message that this answer belongs to is not on the page. Write it again to get an answer.');
        await this.retry(cause.id);
    }

    async stop(turn: Turn): Promise<void> {
        if (!connection.cancel(this.id, turn.id)) await send('POST', this.path(`/turns/${encodeURIComponent(turn.id)}/cancel`));
    }

    async act(action: 'start' | 'pause' | 'stop' | 'idle' | 'clear'): Promise<void> {
        await send('POST', this.path(`/${action}`));
    }
}
