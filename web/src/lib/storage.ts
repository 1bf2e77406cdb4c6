// localStorage that never throws: private windows and full disks lose a convenience, not the page.
const PREFIX = 'eidolon.';

export function recall(key: string): string | null {
    try {
        return localStorage.getItem(PREFIX + key);
    } catch {
        return null;
    }
}

export function keep(key: string, value: string | null): void {
    try {
        if (value === null || value === '') localStorage.removeItem(PREFIX + key);
        else localStorage.setItem(PREFIX + key, value);
    } catch {
        /* what cannot be kept stays in memory only */
    }
}

export function recallJson<T>(key: string, fallback: T): T {
    try {
        const text = recall(key);
        return text === null ? fallback : (JSON.parse(text) as T);
    } catch {
        return fallback;
    }
}
