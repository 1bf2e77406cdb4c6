// The one WebSocket of the page. It comes back by itself with a growing pause, joins every open room again after the
// last number that room saw, and sends what was written meanwhile. What a person sends goes into the outbox first
// (kept in localStorage) and leaves it only when the server has said that it is durable; the client's id makes a
// message that was sent twice be stored once. Sound comes and goes as binary frames (voice/frames.ts): whoever plays
// says whether it is wanted, whoever listens hands over what the microphone heard.
import { freshId, get, ApiError } from './api';
import { keep, recallJson } from './storage';
import type { ErrorBody, Media, RoomEvent, SocketInterrupt, SocketMic, SocketMicCommit, SocketMicDiscard, SocketMicFinal, SocketMicPartial, SocketMicState, SocketMicText, SocketPlayed, SocketSpeechGate } from './generated/types';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
const OPEN_WITHIN_MS = 10_000;
/* Sound that waits to be sent: two seconds of it. */
const WAITING_MAX = 64_000;

export interface Pending {
    id: string;
    room: string;
    text: string;
    media?: Media[];
    at: string;
    /* The number the server gave it; the bubble goes when that event has come. */
    seq: number | null;
    error: string | null;
}

export interface Listener {
    readonly id: string;
    /* After which number to resume; null for 'only what comes from now on'. */
    resumeAfter(): number | null;
    joined(head: number): void;
    receive(event: RoomEvent): void;
    /* Whether the event with this number has come already. */
    has(seq: number): boolean;
    disconnected(): void;
}

type Incoming =
    | VoiceMessage
    | { type: 'joined'; room: string; seq: number }
    | { type: 'event'; event: RoomEvent }
    | { type: 'ack'; id: string; seq: number }
    | { type: 'error'; error: ErrorBody['error']; id?: string | null; room?: string | null };

/* What the server says to the owner of a microphone, or to whoever plays. */
export type VoiceMessage = SocketMicState | SocketMicPartial | SocketMicFinal | SocketSpeechGate;
/* And what they say to it. */
export type VoiceCommand = SocketMic | SocketMicCommit | SocketMicDiscard | SocketMicText | SocketPlayed | SocketInterrupt;

export type ConnectionState = 'connecting' | 'open' | 'waiting' | 'offline';

export class Connection {
    state = $state<ConnectionState>('connecting');
    /* False until the first connection: the very first attempt is no news for anybody. */
    everOpen = $state(false);
    outbox = $state<Pending[]>(recallJson<Pending[]>('outbox', []).map((item) => ({ ...item, seq: null })));
    lastError = $state<string | null>(null);

    /* Whoever plays, and whoever has the microphone, put themselves here. */
    onSound: (data: ArrayBuffer) => void = () => {};
    onVoice: (message: VoiceMessage) => void = () => {};
    /* A request of theirs was refused; true where it was theirs. */
    onRefused: (id: string, message: string) => boolean = () => false;
    onLost: () => void = () => {};
    onOpen: () => void = () => {};

    private audio = false;
    private socket: WebSocket | null = null;
    private pause = FIRST_PAUSE_MS;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private rooms = new Map<string, Listener>();
    private started = false;

    start(): void {
        if (this.started) return;
        this.started = true;
        addEventListener('online', () => this.hurry());
        addEventListener('offline', () => (this.state = 'offline'));
        document.addEventListener('visibilitychange', () => {
            if (!document.hidden) this.hurry();
        });
        this.connect();
    }

    /* Try now rather than when the pause is over. */
    hurry(): void {
        if (this.state === 'open' || !this.started) return;
        this.pause = FIRST_PAUSE_MS;
        clearTimeout(this.timer);
        if (!this.socket) this.connect();
    }

    join(room: Listener): () => void {
        this.rooms.set(room.id, room);
        this.sendJoin(room);
        return () => {
            if (this.rooms.get(room.id) !== room) return;
            this.rooms.delete(room.id);
            this.transmit({ type: 'leave', room: room.id });
        };
    }

    say(room: string, text: string, media: Media[] = []): void {
        const item: Pending = { id: freshId(), room, text, ...(media.length ? { media } : {}), at: new Date().toISOString(), seq: null, error: null };
        this.outbox.push(item);
        this.saveOutbox();
        this.transmitSay(item);
    }

    sayAgain(id: string): void {
        const item = this.outbox.find((entry) => entry.id === id);
        if (!item) return;
        item.error = null;
        this.saveOutbox();
        this.transmitSay(item);
    }

    private transmitSay(item: Pending): void {
        const media = item.media?.map((one) => one.id);
        this.transmit({ type: 'say', room: item.room, text: item.text, id: item.id, ...(media?.length ? { media } : {}) });
    }

    discard(id: string): void {
        this.outbox = this.outbox.filter((item) => item.id !== id);
        this.saveOutbox();
    }

    /* The event with this number is on the page: its optimistic bubble has done its work. */
    settle(room: string, seq: number): void {
        if (!this.outbox.some((item) => item.room === room && item.seq === seq)) return;
        this.outbox = this.outbox.filter((item) => item.room !== room || item.seq !== seq);
        this.saveOutbox();
    }

    typing(room: string, on: boolean): void {
        this.transmit({ type: 'typing', room, on });
    }

    cancel(room: string, turn: string): boolean {
        return this.transmit({ type: 'cancel', room, turn });
    }

    /* Whether personas are to be heard: the rooms are joined again, with or without sound. */
    setAudio(on: boolean): void {
        if (on === this.audio) return;
        this.audio = on;
        for (const room of this.rooms.values()) this.sendJoin(room);
        /* Leaving a room, if only to join it again, closed its microphone. */
        this.onOpen();
    }

    voice(message: VoiceCommand): boolean {
        return this.transmit(message);
    }

    /* A frame of the microphone; dropped while there is no connection, or while it cannot keep up. */
    sound(frame: ArrayBuffer): boolean {
        if (this.socket?.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > WAITING_MAX) return false;
        this.socket.send(frame);
        return true;
    }

    private saveOutbox(): void {
        const unsent = this.outbox.filter((item) => item.seq === null);
        keep('outbox', unsent.length ? JSON.stringify(unsent) : null);
    }

    private transmit(frame: object): boolean {
        if (this.socket?.readyState !== WebSocket.OPEN) return false;
        this.socket.send(JSON.stringify(frame));
        return true;
    }

    private sendJoin(room: Listener): void {
        this.transmit({ type: 'join', room: room.id, after: room.resumeAfter(), ...(this.audio && { audio: true }) });
    }

    private connect(): void {
        const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
        const socket = new WebSocket(`${scheme}//${location.host}/ws`);
        let opened = false;
        socket.binaryType = 'arraybuffer';
        this.socket = socket;
        if (this.state !== 'offline') this.state = 'connecting';
        const late = setTimeout(() => socket.close(), OPEN_WITHIN_MS);

        socket.onopen = () => {
            opened = true;
            clearTimeout(late);
            this.state = 'open';
            this.everOpen = true;
            this.pause = FIRST_PAUSE_MS;
            for (const room of this.rooms.values()) this.sendJoin(room);
            for (const item of this.outbox)
                if (item.seq === null && !item.error) this.transmitSay(item);
            this.onOpen();
        };
        socket.onmessage = (message) => {
            if (typeof message.data === 'string') this.receive(JSON.parse(message.data) as Incoming);
            else this.onSound(message.data as ArrayBuffer);
        };
        socket.onclose = () => {
            clearTimeout(late);
            if (this.socket !== socket) return;
            this.socket = null;
            for (const room of this.rooms.values()) room.disconnected();
            this.onLost();
            if (!opened) void this.askWhy();
            this.state = navigator.onLine ? 'waiting' : 'offline';
            this.timer = setTimeout(() => this.connect(), this.pause * (0.75 + Math.random() / 2));
            this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
        };
    }

    /* A refused upgrade tells a page nothing; a plain request tells whether a sign-in is wanted (api.ts acts on it). */
    private async askWhy(): Promise<void> {
        try {
            await get('/api/rooms?limit=1');
        } catch (cause) {
            if (!(cause instanceof ApiError)) throw cause;
        }
    }

    private receive(frame: Incoming): void {
        if (frame.type === 'event') {
            this.rooms.get(frame.event.room)?.receive(frame.event);
        } else if (frame.type === 'ack') {
            const item = this.outbox.find((entry) => entry.id === frame.id);
            if (!item) return;
            item.seq = frame.seq;
            this.saveOutbox();
            /* Nobody watches that room: no event will come to settle it. */
            if (!this.rooms.has(item.room)) this.discard(item.id);
            else if (this.rooms.get(item.room)?.has(frame.seq)) this.discard(item.id);
        } else if (frame.type === 'joined') {
            this.rooms.get(frame.room)?.joined(frame.seq);
        } else if (frame.type === 'error') {
            const item = this.outbox.find((entry) => entry.id === frame.id);
            if (item) item.error = frame.error.message;
            else if (frame.id && this.onRefused(frame.id, frame.error.message)) return;
            else this.lastError = frame.error.message;
        } else this.onVoice(frame);
    }
}

export const connection = new Connection();
