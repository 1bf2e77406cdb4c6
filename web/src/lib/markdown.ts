// Markdown as a tree of tokens (marked's lexer), never as HTML: Markdown.svelte turns tokens into elements, so nothing
// that a model writes can become markup. Here is what that needs besides: entities and addresses.
import { Lexer, type Token } from 'marked';

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', hellip: '…', mdash: '—', ndash: '–' };

export function parse(text: string): Token[] {
    return new Lexer({ gfm: true, breaks: true }).lex(text);
}

export function decode(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&(#x?[0-9a-f]{1,6}|[a-z]{2,8});/gi, (whole, name: string) => {
        if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
        const code = name[1] === 'x' || name[1] === 'X' ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
        return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : whole;
    });
}

/* The address if it leads somewhere harmless, else null: the link then is plain text. */
export function safeLink(href: string): string | null {
    try {
        const url = new URL(href, location.href);
        return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
    } catch {
        return null;
    }
}

/* Only our own pictures are loaded: a remote one would tell its host that this message was read. */
export function ownImage(href: string): boolean {
    try {
        return new URL(href, location.href).origin === location.origin && href.startsWith('/api/media/');
    } catch {
        return false;
    }
}

/* The sentences of `text` after `from` that are complete; for reading an answer aloud as it comes. */
export function completeUpTo(text: string, from: number): number {
    let end = from;
    const stop = /[.!?…]["')\]”’*_]*(?=\s)|\n\n/g;
    stop.lastIndex = from;
    for (let found = stop.exec(text); found; found = stop.exec(text)) end = found.index + found[0].length;
    return end;
}

export function plain(text: string): string {
    return text.replace(/[*_`#>]+/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim();
}
