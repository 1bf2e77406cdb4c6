// One page for every address, rendered in the browser: the server knows files and the API, no routes of the app.
export const ssr = false;
export const prerender = false;
