// What this page lets be heard. It asks the socket for sound while the person wants it, the browser allows it and no
// other tab plays (tabs.ts); gives frames to the player (player.ts) under their turn; keeps the captions and mouth
// shapes that come beside them; tells the server how far it has played; and knows at each moment which word is heard.
//
// A message that was spoken before is played again from what the log kept of it (`speech` events name sound and
// timings); one that never was, or whose sound is gone, the server speaks again.
import { get, request, send } from '../api';
import { connection, type VoiceMessage } from '../socket.svelte';
import type { EventData, RoomEvent, SpeechBegun } from '../generated/types';
import { Mouth, type MouthShape, type VisemeKey } from './mouth';
import { Player, type Place } from './player';
import { prefs } from './prefs.svelte';
import { readSound } from './frames';
import { OneTab } from './tabs';
import { wordAt, type Word } from './words';

const TELL_EVERY_MS = 250;
const DUCKED = 0.35;
/* Turns whose sound is not wanted any more; a handful is enough, their frames stop soon. */
const STOPPED_KEPT = 32;
/* A pause that neither goes on nor ends means that the news of it was lost. */
const LONGEST_PAUSE_MS = 8000;

interface Sentence {
    text: string;
    /* Where it begins in the text, in bytes of UTF-8; null where nobody said. */
    from: number | null;
    words: Word[];
    mouth: Mouth;
}

interface Spoken {
    key: string;
    room: string;
    /* What the server knows it as; null for what is played from the log. */
    turn: string | null;
    message: string | null;
    author: { id: string; name: string } | null;
    sentences: Map<number, Sentence>;
}

export interface Hearing {
    room: string;
    turn: string | null;
    message: string | null;
    author: { id: string; name: string } | null;
    index: number;
    text: string;
    from: number | null;
    words: Word[];
    word: number;
}

/* A sentence that the log kept. */
export type Kept = Pick<EventData['speech'], 'index' | 'text' | 'media' | 'visemes'>;

export class Speaker {
    /* Why nothing is heard, if so: switched off, the browser wants a click, another tab plays. */
    state = $state<'off' | 'blocked' | 'elsewhere' | 'on'>('off');
    hearing = $state.raw<Hearing | null>(null);
    paused = $state(false);
    /* Messages whose sound is being fetched. */
    fetching = $state<string | null>(null);
    /* When the first sound of a turn was heard, after the person's last sound or the sending of the text. */
    firstHeard = $state<Record<string, number>>({});
    /* performance.now() of the person's last sound, or of sending; the microphone and the composer set it. */
    lastAsked = 0;

    private player: Player | null = null;
    private spoken = new Map<string, Spoken>();
    private stopped: string[] = [];
    private told = { key: '', index: -1, at: 0 };
    private frame = 0;
    private ducked = false;
    private pauseTimer: ReturnType<typeof setTimeout> | undefined;
    private mine = false;
    private readonly tab = new OneTab((mine) => {
        this.mine = mine;
        if (!mine) this.player?.stop();
        this.settle();
    });

    constructor() {
        connection.onSound = (data) => this.sound(data);
        connection.onLost = () => this.lost();
    }

    /* ---- on and off ---- */

    /* With `gesture`: the person clicked, so the browser allows sound and this tab takes it. */
    async turnOn(gesture = true): Promise<void> {
        prefs.set({ sound: true });
        this.player ??= new Player({ began: (key, _index, at) => this.began(key, at), ended: (key) => this.over(key) });
        this.applyVolume();
        await Promise.all([this.player.wake(), this.tab.want(gesture)]);
        this.settle();
        if (!this.player.running) this.awaitGesture();
    }

    turnOff(): void {
        prefs.set({ sound: false });
        this.player?.stop();
        this.tab.release();
        this.settle();
    }

    /* What was on the last time is on again, as far as the browser and other tabs allow. */
    restore(): void {
        if (prefs.now.sound && this.state === 'off') void this.turnOn(false);
    }

    private awaitGesture(): void {
        const player = this.player!;
        const wake = (): void =>
            void player.wake().then((running) => {
                if (!running) return;
                removeEventListener('pointerdown', wake, true);
                removeEventListener('keydown', wake, true);
                this.settle();
            });
        addEventListener('pointerdown', wake, true);
        addEventListener('keydown', wake, true);
    }

    private settle(): void {
        if (!prefs.now.sound || !this.player) this.state = 'off';
        else if (!this.mine) this.state = 'elsewhere';
        else this.state = this.player.running ? 'on' : 'blocked';
        connection.setAudio(this.state === 'on');
    }

    setVolume(volume: number): void {
        prefs.set({ volume, muted: false });
        this.applyVolume();
    }

    mute(muted: boolean): void {
        prefs.set({ muted });
        this.applyVolume();
    }

    /* Softer while the person speaks into it, so that the microphone hears more of them. */
    duck(on: boolean): void {
        if (on === this.ducked) return;
        this.ducked = on;
        this.applyVolume();
    }

    private applyVolume(): void {
        const { volume, muted } = prefs.now;
        /* Loudness is heard by its logarithm: a square makes the slider feel even. */
        this.player?.setVolume(muted ? 0 : volume * volume * (this.ducked ? DUCKED : 1));
    }

    /* ---- what comes ---- */

    private sound(data: ArrayBuffer): void {
        const frame = readSound(data);
        if (!frame || !this.player || this.state !== 'on' || this.stopped.includes(frame.turn)) return;
        this.of(frame.turn, frame.room, frame.turn);
        this.player.frame(frame.turn, frame.index, frame.rate, frame.at, frame.samples);
    }

    /* Passing events of a room: captions, mouth shapes, the ends of sentences. */
    passing(event: RoomEvent): void {
        if (!event.turn || this.state !== 'on' || this.stopped.includes(event.turn)) return;
        if (event.kind === 'caption') {
            const { index, text, from, words } = event.data;
            const spoken = this.of(event.turn, event.room, event.turn);
            spoken.author = event.author;
            Object.assign(this.sentence(spoken, index), { text, from, words });
        } else if (event.kind === 'visemes') {
            this.sentence(this.of(event.turn, event.room, event.turn), event.data.index).mouth.add(event.data.frames);
        } else if (event.kind === 'speech.ended') {
            if (event.data.reason === 'interrupted' && event.data.index === null) this.drop(event.turn);
            else this.player?.finish(event.turn, event.data.index);
        }
    }

    /* What the server tells this client alone: fall silent, go on, forget the rest. */
    command(message: VoiceMessage): void {
        clearTimeout(this.pauseTimer);
        if (message.type === 'speech.pause') {
            const place = this.player?.pause();
            this.paused = true;
            if (place) this.tell(place);
            this.pauseTimer = setTimeout(() => this.goOn(), LONGEST_PAUSE_MS);
        } else if (message.type === 'speech.resume') this.goOn();
        else if (message.type === 'speech.stop') this.drop(message.turn);
    }

    private goOn(): void {
        this.paused = false;
        this.player?.resume();
    }

    private drop(turn: string): void {
        this.stopped = [...this.stopped.slice(1 - STOPPED_KEPT), turn];
        this.player?.stop(turn);
        this.paused = false;
    }

    private lost(): void {
        clearTimeout(this.pauseTimer);
        if (this.paused) this.goOn();
        this.player?.finishAll();
    }

    private of(key: string, room: string, turn: string | null): Spoken {
        let found = this.spoken.get(key);
        if (!found) this.spoken.set(key, (found = { key, room, turn, message: null, author: null, sentences: new Map() }));
        return found;
    }

    private sentence(spoken: Spoken, index: number): Sentence {
        let found = spoken.sentences.get(index);
        if (!found) spoken.sentences.set(index, (found = { text: '', from: null, words: [], mouth: new Mouth() }));
        return found;
    }

    /* ---- what is heard ---- */

    private began(key: string, at: number): void {
        const spoken = this.spoken.get(key);
        if (spoken?.turn && this.firstHeard[spoken.turn] === undefined && this.lastAsked) this.firstHeard[spoken.turn] = Math.max(0, at - this.lastAsked);
        cancelAnimationFrame(this.frame);
        clearTimeout(this.frame);
        this.follow();
    }

    private over(key: string): void {
        const spoken = this.spoken.get(key);
        this.spoken.delete(key);
        if (spoken && this.hearing && (this.hearing.turn ?? this.hearing.message) === (spoken.turn ?? spoken.message)) this.hearing = null;
    }

    /* Looks where the sound is, as often as the page is drawn (and seldom while nobody looks). */
    private follow = (): void => {
        const place = this.player?.place() ?? null;
        const spoken = place && this.spoken.get(place.utterance);
        if (!this.player?.busy || !place || !spoken) {
            this.hearing = null;
            return;
        }
        this.show(spoken, place);
        if (place.sounding && (this.told.key !== place.utterance || this.told.index !== place.index || performance.now() - this.told.at > TELL_EVERY_MS)) this.tell(place);
        this.frame = document.hidden ? (setTimeout(this.follow, TELL_EVERY_MS) as unknown as number) : requestAnimationFrame(this.follow);
    };

    private show(spoken: Spoken, place: Place): void {
        const sentence = spoken.sentences.get(place.index);
        const word = sentence ? wordAt(sentence.words, place.ms) : -1;
        const before = this.hearing;
        if (before && before.turn === spoken.turn && before.message === spoken.message && before.index === place.index && before.word === word && before.words === (sentence?.words ?? before.words)) return;
        this.hearing = {
            room: spoken.room,
            turn: spoken.turn,
            message: spoken.message,
            author: spoken.author,
            index: place.index,
            text: sentence?.text ?? '',
            from: sentence?.from ?? null,
            words: sentence?.words ?? [],
            word,
        };
    }

    private tell(place: Place): void {
        this.told = { key: place.utterance, index: place.index, at: performance.now() };
        const spoken = this.spoken.get(place.utterance);
        if (spoken?.turn) connection.voice({ type: 'played', room: spoken.room, turn: spoken.turn, index: place.index, ms: Math.round(place.ms) });
    }

    /* How loud the loudspeaker is just now. */
    get loudness(): number {
        return this.player?.loudness() ?? 0;
    }

    /* The mouth of whoever is heard now, for a drawing; null while nobody of that name is. */
    mouthOf(author: string | undefined): MouthShape | null {
        const heard = this.hearing;
        if (!heard || !author || heard.author?.id !== author || this.paused) return null;
        const place = this.player?.place();
        const sentence = place && this.spoken.get(place.utterance)?.sentences.get(place.index);
        return place?.sounding && sentence ? sentence.mouth.at(place.ms) : { open: 0, wide: 0, round: 0 };
    }

    /* ---- what the person does ---- */

    /* The person has heard enough. */
    interrupt(): void {
        const heard = this.hearing;
        const place = this.player?.stop() ?? null;
        this.paused = false;
        this.hearing = null;
        if (!heard?.turn) return;
        this.stopped = [...this.stopped.slice(1 - STOPPED_KEPT), heard.turn];
        connection.voice({ type: 'interrupt', room: heard.room, turn: heard.turn, index: place?.index ?? heard.index, ms: Math.round(place?.ms ?? 0) });
    }

    async replay(room: string, message: string, author: { id: string; name: string }, kept: Kept[]): Promise<void> {
        await this.turnOn();
        this.interrupt();
        if (this.state !== 'on') return;
        this.fetching = message;
        try {
            if (!kept.length || !(await this.fromLog(room, message, author, kept))) {
                const { turn } = await send<SpeechBegun>('POST', `/api/rooms/${encodeURIComponent(room)}/messages/${encodeURIComponent(message)}/speech`);
                Object.assign(this.of(turn, room, turn), { message, author });
            }
        } finally {
            this.fetching = null;
        }
    }

    /* False where a sentence is not there any more, or this browser cannot read it. */
    private async fromLog(room: string, message: string, author: { id: string; name: string }, kept: Kept[]): Promise<boolean> {
        const key = `message:${message}`;
        const player = this.player!;
        try {
            const spoken = this.of(key, room, null);
            Object.assign(spoken, { message, author });
            for (const one of [...kept].sort((a, b) => a.index - b.index)) {
                const [sound, timing] = await Promise.all([
                    request('GET', `/api/media/${one.media}`).then((answer) => answer.arrayBuffer()),
                    get<{ words?: Word[]; visemes?: VisemeKey[] }>(`/api/media/${one.visemes}`),
                ]);
                const decoded = await player.context.decodeAudioData(sound);
                const sentence = this.sentence(spoken, one.index);
                Object.assign(sentence, { text: one.text, words: timing.words ?? [] });
                sentence.mouth.add(timing.visemes ?? []);
                player.whole(key, one.index, Float32Array.from(decoded.getChannelData(0)));
            }
            player.finish(key, null);
            return true;
        } catch {
            player.stop(key);
            this.spoken.delete(key);
            return false;
        }
    }

    /* Plays a file of sound by itself, as the preview of a voice. */
    async preview(file: ArrayBuffer): Promise<void> {
        this.player ??= new Player({ began: (key, _index, at) => this.began(key, at), ended: (key) => this.over(key) });
        this.applyVolume();
        await this.player.wake();
        this.player.stop();
        const decoded = await this.player.context.decodeAudioData(file);
        this.player.whole('preview', 0, Float32Array.from(decoded.getChannelData(0)));
        this.player.finish('preview', null);
    }
}

export const speaker = new Speaker();
