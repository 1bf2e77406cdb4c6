// How SvelteKit builds the app: static files only, one page (index.html) for every path, so that the
// server needs to know nothing of the app's routes but 'what is not a file is the page'.
import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
    preprocess: vitePreprocess(),
    kit: {
        adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html', strict: true }),
        output: { bundleStrategy: 'split' },
        paths: { relative: false },
        version: { name: process.env.npm_package_version ?? '0', pollInterval: 0 },
    },
};
