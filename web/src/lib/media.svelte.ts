// Pictures and recordings: sending them with progress, and what pages share of them.
import { ApiError } from './api';
import type { ErrorBody, Media, MessageMedia } from './generated/types';

export interface Upload {
    id: string;
    name: string;
    share: number;
    error: string | null;
    media: Media | null;
    /* Of a picture, before the server has it. */
    preview: string | null;
    cancel: () => void;
}

/* What the file dialog offers; the server looks at the content itself. */
export const ACCEPTED = 'image/png,image/jpeg,image/webp,image/gif,audio/*,.wav,.flac,.ogg,.opus,.mp3,.aiff,.weba,.webm';

/** Sends one file; fetch() cannot tell how much has gone. */
export function send(file: Blob, options: { name?: string; room?: string | null; source?: 'upload' | 'recording' }, progress: (share: number) => void): { done: Promise<Media>; cancel: () => void } {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams();
    if (options.name) query.set('name', options.name);
    if (options.room) query.set('room', options.room);
    if (options.source) query.set('source', options.source);
    const done = new Promise<Media>((resolve, reject) => {
        request.open('POST', `/api/media?${query}`);
        request.setRequestHeader('Content-Type', 'application/octet-stream');
        request.setRequestHeader('Idempotency-Key', crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
        request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
        request.onload = () => {
            try {
                const body = JSON.parse(request.responseText) as Media & ErrorBody;
                if (request.status < 300) resolve(body);
                else reject(new ApiError(body.error.message, request.status, body.error.code));
            } catch {
                reject(new ApiError(`The server answered ${request.status}.`, request.status));
            }
        };
        request.onerror = () => reject(new ApiError('The file did not reach Eidolon; check the connection and send it again.', 0));
        request.onabort = () => reject(new ApiError('Cancelled.', 0));
        request.send(file);
    });
    return { done, cancel: () => request.abort() };
}

/** Files on their way, and those that arrived. */
export class Uploads {
    list = $state<Upload[]>([]);
    readonly busy = $derived(this.list.some((item) => !item.media && !item.error));

    constructor(
        private readonly room: () => string | null,
        private readonly arrived: (media: Media) => void = () => {},
    ) {}

    take(files: Iterable<File> | null | undefined, name?: string): void {
        for (const file of files ?? []) this.add(file, name ?? file.name);
    }

    private add(file: File, name: string): void {
        const id = `${Date.now()}-${Math.random()}`;
        const preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : null;
        const sending = send(file, { name, room: this.room() }, (share) => this.set(id, { share }));
        this.list.push({ id, name, share: 0, error: null, media: null, preview, cancel: sending.cancel });
        sending.done.then(
            (media) => {
                this.set(id, { media, share: 1 });
                this.arrived(media);
            },
            (cause: unknown) => this.set(id, { error: cause instanceof Error ? cause.message : String(cause) }),
        );
    }

    private set(id: string, what: Partial<Upload>): void {
        const item = this.list.find((one) => one.id === id);
        if (item) Object.assign(item, what);
    }

    drop(id: string): void {
        const item = this.list.find((one) => one.id === id);
        if (item && !item.media && !item.error) item.cancel();
        if (item?.preview) URL.revokeObjectURL(item.preview);
        this.list = this.list.filter((one) => one.id !== id);
    }

    /** The media that arrived, for a message; the list is empty afterwards. */
    collect(): Media[] {
        const media = this.list.flatMap((item) => (item.media ? [item.media] : []));
        this.clear();
        return media;
    }

    pasted(event: ClipboardEvent): void {
        const files = [...(event.clipboardData?.files ?? [])];
        if (!files.length) return;
        event.preventDefault();
        for (const file of files) this.take([file], file.name === 'image.png' ? 'Pasted picture.png' : file.name);
    }

    clear(): void {
        for (const item of this.list) if (item.preview) URL.revokeObjectURL(item.preview);
        this.list = [];
    }
}

/** A picture of the screen, or a window, or a tab: the person chooses. Null: they changed their mind. */
export async function screenshot(): Promise<File | null> {
    let stream: MediaStream;
    try {
        stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
    } catch {
        return null;
    }
    try {
        const video = document.createElement('video');
        video.srcObject = stream;
        video.muted = true;
        await video.play();
        const canvas = document.createElement('canvas');
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        canvas.getContext('2d')!.drawImage(video, 0, 0);
        const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
        return blob && new File([blob], `Screenshot ${new Date().toLocaleString()}.png`.replaceAll('/', '-'), { type: 'image/png' });
    } finally {
        for (const track of stream.getTracks()) track.stop();
    }
}

export const canScreenshot = (): boolean => typeof navigator !== 'undefined' && !!navigator.mediaDevices && 'getDisplayMedia' in navigator.mediaDevices;

export function size(bytes: number): string {
    const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
    let i = 0;
    while (bytes >= 1000 && i < units.length - 1) (bytes /= 1000), i++;
    return `${i && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[i]}`;
}

export function clock(ms: number): string {
    const s = Math.round(ms / 1000);
    const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
    return `${h ? `${h}:${String(m).padStart(2, '0')}` : m}:${String(s % 60).padStart(2, '0')}`;
}

/** As messages name it. */
export function short(media: Media): MessageMedia {
    const { id, type, name } = media;
    return { id, type, name, ...(media.kind === 'image' ? { width: media.width ?? undefined, height: media.height ?? undefined } : { duration_ms: media.duration_ms ?? undefined }) };
}
