// Times, durations and names as people read them.
const DAY_MS = 86_400_000;

export function time(at: string): string {
    return new Date(at).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
}

function midnight(date: Date): number {
    return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export function day(at: string): string {
    const date = new Date(at);
    const ago = Math.round((midnight(new Date()) - midnight(date)) / DAY_MS);
    if (ago === 0) return 'Today';
    if (ago === 1) return 'Yesterday';
    const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
    return date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year });
}

export function briefly(at: string): string {
    const date = new Date(at);
    const ago = Math.round((midnight(new Date()) - midnight(date)) / DAY_MS);
    if (ago === 0) return time(at);
    if (ago === 1) return 'Yesterday';
    return date.toLocaleDateString([], { day: 'numeric', month: 'short' });
}

export function duration(ms: number): string {
    if (ms < 1) return '<1 ms';
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
    const minutes = Math.floor(ms / 60_000);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/* "Mia", "Mia and Lyra", "Mia, Lyra and Kimi" */
export function names(list: string[]): string {
    if (list.length < 2) return list[0] ?? '';
    return `${list.slice(0, -1).join(', ')} and ${list[list.length - 1]}`;
}

export function daypart(): string {
    const hour = new Date().getHours();
    if (hour < 5) return 'Good night';
    if (hour < 12) return 'Good morning';
    return hour < 18 ? 'Good afternoon' : 'Good evening';
}

/* What a card's text says to a reader: {{char}} and {{user}} are names. */
export function filled(text: string, persona: string, user = 'you'): string {
    return text.replace(/\{\{char\}\}|<BOT>/gi, persona).replace(/\{\{user\}\}|<USER>/gi, user);
}

/* The first sentence or so, for cards and lists. */
export function gist(text: string, length = 140): string {
    const flat = text.replace(/\s+/g, ' ').trim();
    if (flat.length <= length) return flat;
    const cut = flat.slice(0, length);
    return cut.slice(0, Math.max(cut.lastIndexOf(' '), length - 20)).replace(/[,;:.]$/, '') + '…';
}

export function bytes(count: number): string {
    if (count < 1024) return `${count} bytes`;
    const units = ['KB', 'MB', 'GB'];
    let value = count / 1024;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/* "1 persona", "20,003 personas" */
export function counted(count: number, one: string, many = `${one}s`): string {
    return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/* Time that is left, roughly: nobody wants the seconds of an hour. */
export function about(ms: number): string {
    const seconds = Math.max(1, Math.round(ms / 1000));
    if (seconds < 60) return `about ${seconds} s`;
    return `about ${Math.round(seconds / 60)} min`;
}
