// The microphone of this page, for one room at a time: hands free, where the server finds out who speaks and when, or
// held while one talks. Keeps what a person wants to see of it (state, loudness, the words so far) and what stands in
// its way; the server says the rest (`mic`, `mic.partial`, `mic.final`).
//
// Nothing is recorded before the person said yes to the explanation, nothing is sent while it is off or, when it is
// held to talk, not held.
import { freshId } from '../api';
import { connection, type VoiceMessage } from '../socket.svelte';
import type { SocketMicFinal, SocketMicState } from '../generated/types';
import { BrowserEar, hasBrowserEar } from './browser-ear';
import { Capture, devices, type Device } from './capture';
import { EchoGate } from './echo';
import { microphoneFrame } from './frames';
import { hindered, obstacleOf, type Obstacle } from './obstacles';
import { prefs } from './prefs.svelte';
import { speaker } from './speaker.svelte';

const RATE = 16000;
/* A level that is somebody speaking near it; only the measuring of delays looks at it. */
const LOUD = 0.02;
const LEVEL_FALLS = 0.8;

const NOTES: Partial<Record<SocketMicFinal['reason'], string>> = {
    empty: 'No words were understood.',
    unsure: 'Not understood well enough to interrupt; say it again.',
    not_woken: 'Heard, but without the wake phrase.',
};

export type MicState = SocketMicState['state'] | 'opening';

class Microphone {
    state = $state<MicState>('off');
    room = $state<string | null>(null);
    obstacle = $state<Obstacle | null>(null);
    /* What the person is asked before the browser asks. */
    explaining = $state(false);
    level = $state(0);
    partial = $state('');
    /* Why what was said became no message. */
    note = $state('');
    held = $state(false);
    vad = $state('');
    /* False where the device hears the loudspeaker too: its echo is not taken out. */
    cancelsEcho = $state(true);
    list = $state<Device[]>([]);

    private capture: Capture | null = null;
    private ear: BrowserEar | null = null;
    private readonly echo = new EchoGate();
    private wanted: string | null = null;
    private who = '';
    /* The id of the request that opened it at the server. */
    private opened = '';
    private holding = false;

    constructor() {
        connection.onVoice = (message) => this.heard(message);
        connection.onRefused = (id, message) => {
            if (id !== this.opened) return false;
            this.close(false);
            this.note = message;
            return true;
        };
        connection.onOpen = () => this.on && this.announce();
        if (typeof navigator !== 'undefined') navigator.mediaDevices?.addEventListener?.('devicechange', () => void this.refresh());
    }

    get on(): boolean {
        return this.state !== 'off' && this.state !== 'opening';
    }

    get pushToTalk(): boolean {
        return prefs.now.mode === 'push_to_talk';
    }

    get byBrowser(): boolean {
        return prefs.now.recogniser === 'browser' && hasBrowserEar();
    }

    /* ---- on and off ---- */

    /* `who` is whom one speaks to: by that name it wakes. */
    async open(room: string, who = this.who): Promise<void> {
        this.wanted = room;
        this.who = who;
        this.obstacle = hindered();
        if (this.obstacle) return;
        if (!prefs.now.explained && (await this.permission()) !== 'granted') {
            this.explaining = true;
            return;
        }
        await this.begin();
    }

    /* The person has read what it is for. */
    async agree(): Promise<void> {
        prefs.set({ explained: true });
        this.explaining = false;
        await this.begin();
    }

    refuse(): void {
        this.explaining = false;
        this.wanted = null;
        this.holding = false;
    }

    async again(): Promise<void> {
        if (this.wanted) await this.open(this.wanted);
    }

    private async permission(): Promise<PermissionState | 'unknown'> {
        try {
            return (await navigator.permissions.query({ name: 'microphone' as PermissionName })).state;
        } catch {
            return 'unknown';
        }
    }

    private async begin(): Promise<void> {
        const room = this.wanted;
        if (!room || this.state === 'opening') return;
        this.close();
        this.wanted = room;
        this.state = 'opening';
        this.obstacle = null;
        this.note = '';
        try {
            if (!this.byBrowser) this.capture = await Capture.open(prefs.now.device, prefs.now.cleaning, { frame: (samples, level) => this.frame(samples, level), gone: () => this.unplugged() });
            this.cancelsEcho = this.capture?.cancelsEcho ?? true;
        } catch (cause) {
            this.state = 'off';
            this.obstacle = obstacleOf(cause);
            return;
        }
        /* Who talks wants to hear the answer. Before the microphone opens: the room is joined again for it. */
        if (speaker.state !== 'on') await speaker.turnOn();
        if (this.wanted !== room) return this.close(false);
        this.room = room;
        this.state = 'listening';
        this.announce();
        if (this.byBrowser) this.listenInBrowser();
        void this.refresh();
        if (this.pushToTalk && this.holding) this.press();
    }

    close(tell = true): void {
        if (tell && this.room && this.state !== 'off') connection.voice({ type: 'mic', room: this.room, on: false });
        this.capture?.close();
        this.ear?.stop();
        this.capture = null;
        this.ear = null;
        this.state = 'off';
        this.held = false;
        this.level = 0;
        this.partial = '';
        this.echo.reset();
        this.room = null;
        speaker.duck(false);
    }

    /* With other settings. */
    async restart(): Promise<void> {
        if (!this.on || !this.room) return;
        this.wanted = this.room;
        await this.begin();
    }

    private announce(): void {
        if (!this.room) return;
        const { mode, recogniser, wake, wakePhrase, language } = prefs.now;
        this.opened = freshId();
        connection.voice({
            type: 'mic',
            id: this.opened,
            room: this.room,
            on: true,
            mode,
            codec: 'pcm',
            rate: RATE,
            recogniser: this.byBrowser ? recogniser : 'server',
            ...(wake && mode === 'hands_free' && { wake: wakePhrase || (this.who ? `hey ${this.who}` : true) }),
            ...(language && { language }),
        });
    }

    private unplugged(): void {
        const room = this.room;
        this.close();
        this.wanted = room;
        this.obstacle = 'unplugged';
        void this.refresh();
    }

    async refresh(): Promise<void> {
        this.list = await devices();
    }

    private listenInBrowser(): void {
        this.ear = new BrowserEar(prefs.now.language, {
            text: (text, final, confidence) => {
                if (!text || !this.room || (this.pushToTalk && !this.held && !final)) return;
                this.partial = final ? '' : text;
                connection.voice({ type: 'mic.text', room: this.room, text, final, ...(confidence > 0 && { confidence }) });
                speaker.lastAsked = performance.now();
            },
            failed: (sentence) => {
                this.close();
                this.note = sentence;
            },
        });
        if (!this.pushToTalk) this.ear.start();
    }

    /* ---- sound and words ---- */

    private frame(samples: Int16Array, level: number): void {
        this.level = Math.max(level, this.level * LEVEL_FALLS);
        if (this.pushToTalk && !this.held) return;
        /* Held to talk, one means what is heard. */
        const mine = this.pushToTalk || this.echo.passes(level, speaker.loudness);
        if (!mine) samples.fill(0);
        else if (level > LOUD) speaker.lastAsked = performance.now();
        connection.sound(microphoneFrame(samples));
    }

    private heard(message: VoiceMessage): void {
        if (message.type.startsWith('speech.')) speaker.command(message);
        if (message.type === 'speech.pause') this.echo.alarm();
        else if (message.type === 'speech.resume') this.echo.falseAlarm();
        else if ((message.type === 'mic.partial' || message.type === 'mic.final') && message.text) this.echo.words();
        if (message.room !== this.room) return;
        if (message.type === 'mic') {
            /* Only ever an answer to our own closing. */
            if (message.state === 'off') return;
            this.state = message.state;
            this.vad = message.vad;
            speaker.duck(message.state === 'hearing');
            if (message.state === 'hearing') this.note = '';
        } else if (message.type === 'mic.partial') this.partial = message.text;
        else if (message.type === 'mic.final') {
            this.partial = '';
            this.note = NOTES[message.reason] ?? '';
        }
    }

    /* ---- held to talk ---- */

    press(): void {
        this.holding = true;
        if (!this.on || this.held) return;
        this.held = true;
        this.note = '';
        this.ear?.start();
    }

    release(send = true): void {
        this.holding = false;
        if (!this.held) return;
        this.held = false;
        this.level = 0;
        /* The browser's recogniser tells its last words itself. */
        this.ear?.stop(!send);
        if (this.room && !(send && this.ear)) connection.voice({ type: send ? 'mic.commit' : 'mic.discard', room: this.room });
        if (!send) this.partial = '';
    }
}

export const microphone = new Microphone();
