// A real OpenID Connect server (oidc-provider) for the tests. Its settings are one JSON object in
// OIDC_TEST: {port, redirect_uris, people: {login: {groups: […], name}}, jwks, resource, ttl_s}.
import { Provider } from 'oidc-provider';

const { port, redirect_uris, people, jwks, resource, ttl_s } = JSON.parse(process.env.OIDC_TEST);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'sessioncast',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris,
    application_type: 'native',
  }],
  jwks,
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'groups'] },
  conformIdTokenClaims: false, // the page sends the ID token: it must hold the claims itself
  clientBasedCORS: () => true,
  cookies: { keys: ['only for tests'] },
  ttl: { AccessToken: ttl_s, IdToken: ttl_s, AuthorizationCode: 60, Grant: 3600, Interaction: 600, Session: 3600 },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, wanted) => {
        if (wanted !== resource) throw new Error('no such resource');
        return { scope: 'openid profile', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: ttl_s, jwt: { sign: { alg: 'RS256' } } };
      },
      useGrantedResource: () => true,
    },
  },
  extraTokenClaims: (_context, token) => (token.accountId ? people[token.accountId] : undefined),
  findAccount: (_context, sub) => (sub in people ? { accountId: sub, claims: () => ({ sub, ...people[sub] }) } : undefined),
});
provider.on('server_error', (_context, error) => console.error(error));
const server = provider.listen(port, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
