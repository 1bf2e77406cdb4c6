// Brings a chat of another program in: one request whose answer is a stream of progress, then the report. It goes on
// in the server when the page is closed.
import { ApiError, errorText, hooks } from './api';
import type { ErrorBody, RoomImport } from './generated/types';

interface Progress {
    phase: 'reading' | 'storing' | 'remembering' | 'undoing';
    done: number;
    total: number;
    messages: number;
    rooms: number;
}

export const CHAT_ACCEPT = '.jsonl,.json,.txt,.zip,text/plain,application/json';

/* What clocks of the chat are taken to show, where they do not say: this machine's own. */
function zone(): string {
    const minutes = -new Date().getTimezoneOffset();
    const two = (n: number): string => String(n).padStart(2, '0');
    return `${minutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

class ChatImport {
    open = $state(false);
    file = $state.raw<File | null>(null);
    state = $state<'asking' | 'sending' | 'running' | 'done' | 'failed'>('asking');
    progress = $state.raw<Progress | null>(null);
    report = $state.raw<RoomImport | null>(null);
    problem = $state('');

    begin(file: File | null = null): void {
        if (this.state === 'sending' || this.state === 'running') {
            this.open = true;
            return;
        }
        this.file = file;
        this.state = 'asking';
        this.progress = null;
        this.report = null;
        this.problem = '';
        this.open = true;
    }

    async run(fields: Record<string, string>): Promise<void> {
        if (!this.file) return;
        const form = new FormData();
        for (const [name, value] of Object.entries({ zone: zone(), ...fields })) if (value) form.append(name, value);
        form.append('file', this.file, this.file.name);
        this.state = 'sending';
        this.problem = '';
        try {
            const response = await fetch('/api/rooms/import', { method: 'POST', body: form, credentials: 'same-origin', headers: { Accept: 'text/event-stream' } });
            if (response.status === 401) hooks.signedOut();
            if (!response.ok || !response.body) throw new ApiError(await sentence(response), response.status);
            this.state = 'running';
            await this.follow(response.body);
        } catch (cause) {
            this.problem = cause instanceof ApiError ? cause.message : cause instanceof TypeError ? 'The server does not answer. Check that Eidolon is running, then try again.' : errorText(cause);
            this.state = 'failed';
        }
    }

    private async follow(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        let text = '';
        for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            text += value;
            let end: number;
            while ((end = text.indexOf('\n\n')) >= 0) {
                this.take(text.slice(0, end));
                text = text.slice(end + 2);
            }
        }
        if (this.state === 'running') throw new ApiError('The connection was cut. The import goes on in the server; look for the room in a moment.', 0);
    }

    private take(frame: string): void {
        const lines = frame.split('\n');
        const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
        const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
        if (event === 'progress') this.progress = JSON.parse(data) as Progress;
        else if (event === 'error') throw new ApiError((JSON.parse(data) as ErrorBody).error.message, 422);
        else if (event === 'done') {
            this.report = JSON.parse(data) as RoomImport;
            this.state = 'done';
        }
    }
}

async function sentence(response: Response): Promise<string> {
    try {
        return ((await response.json()) as ErrorBody).error.message;
    } catch {
        return `The server answered ${response.status}.`;
    }
}

export const chatImport = new ChatImport();
