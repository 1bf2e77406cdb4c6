// The server's REST side. Every call answers the parsed body or throws an ApiError whose message is the sentence
// the server wrote; a call that reached nobody gets a sentence of our own. ETags travel with the object they
// belong to (`Tagged`), so that a save can say which version it was made from.
import type { ErrorBody, List } from './generated/types';

export class ApiError extends Error {
    constructor(
        message: string,
        readonly status: number,
        readonly code: string | null = null,
        readonly param: string | null = null,
    ) {
        super(message);
        this.name = 'ApiError';
    }
}

export interface Tagged<T> {
    value: T;
    etag: string | null;
}

export interface Options {
    body?: unknown;
    raw?: { data: BodyInit; type: string };
    form?: FormData;
    etag?: string | null;
    key?: string;
    /* What kind of answer; JSON unless told otherwise. */
    accept?: string;
    signal?: AbortSignal;
}

const LIST_LIMIT = 200;

/* Called with no arguments when the server wants a sign-in. The app's state puts itself here. */
export const hooks = { signedOut: () => {} };

export function errorText(cause: unknown): string {
    return cause instanceof Error ? cause.message : String(cause);
}

async function failure(response: Response): Promise<ApiError> {
    const fallback = `The server answered ${response.status} ${response.statusText}`.trim() + '.';
    try {
        const { error } = (await response.json()) as ErrorBody;
        return new ApiError(error.message || fallback, response.status, error.code, error.param);
    } catch {
        return new ApiError(fallback, response.status);
    }
}

export async function request(method: string, path: string, options: Options = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: options.accept ?? 'application/json' };
    let body: BodyInit | undefined;
    if (options.raw) {
        headers['Content-Type'] = options.raw.type;
        body = options.raw.data;
    } else if (options.form) {
        /* The browser says the type itself, with the boundary. */
        body = options.form;
    } else if (options.body !== undefined) {
        headers['Content-Type'] = 'application/json';
        body = JSON.stringify(options.body);
    }
    if (options.etag) headers['If-Match'] = options.etag;
    if (options.key) headers['Idempotency-Key'] = options.key;

    let response: Response;
    try {
        response = await fetch(path, { method, headers, body, signal: options.signal, credentials: 'same-origin' });
    } catch (cause) {
        if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
        throw new ApiError('The server does not answer. Check that Eidolon is running, then try again.', 0);
    }
    if (response.ok) return response;
    if (response.status === 401) hooks.signedOut();
    throw await failure(response);
}

async function parsed<T>(response: Response): Promise<T> {
    return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return parsed<T>(await request('GET', path, { signal }));
}

export async function getTagged<T>(path: string): Promise<Tagged<T>> {
    const response = await request('GET', path);
    return { value: await parsed<T>(response), etag: response.headers.get('ETag') };
}

export async function send<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<T> {
    return parsed<T>(await request(method, path, { ...options, body }));
}

export async function sendTagged<T>(method: string, path: string, body: unknown, etag: string | null): Promise<Tagged<T>> {
    const response = await request(method, path, { body, etag });
    return { value: await parsed<T>(response), etag: response.headers.get('ETag') };
}

/* A whole list, page by page. */
export async function all<T>(path: string): Promise<T[]> {
    const found: T[] = [];
    let after: string | null = null;
    do {
        const query: string = `limit=${LIST_LIMIT}` + (after ? `&after=${encodeURIComponent(after)}` : '');
        const page: List<T> = await get<List<T>>(path + (path.includes('?') ? '&' : '?') + query);
        found.push(...page.data);
        after = page.next;
    } while (after);
    return found;
}

/* A random id; crypto.randomUUID is only there in secure contexts, a LAN address over http is none. */
export function freshId(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
