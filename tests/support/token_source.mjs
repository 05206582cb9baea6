// Asks a shim for a token with livekit-client's own TokenSource; what it got goes to stdout.
// TOKEN_SOURCE: {"module": …, "url": …, "bearer": …, "options": {…}}
const { module, url, bearer, options } = JSON.parse(process.env.TOKEN_SOURCE);
const { TokenSource } = await import(module);
const source = TokenSource.endpoint(url, { headers: { Authorization: `Bearer ${bearer}` } });
try {
  console.log(JSON.stringify(await source.fetch(options)));
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }));
}
