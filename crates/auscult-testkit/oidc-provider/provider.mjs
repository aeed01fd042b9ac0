// A provider of OpenID Connect on loopback, with people of a hospital. Its arguments: the certificate, its
// key, where people are sent back to, and whether groups are in the ID token or in the user info alone.
// It says where it is on a line of its own, and ends when its input does.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [certificate, key, callback, groupsIn] = process.argv.slice(2);

const PEOPLE = new Map([
  ['grace', { name: 'Grace Hopper', email: 'grace@hospital.example', groups: ['security', 'clinic'] }],
  ['joan', { name: 'Joan Clarke', email: 'joan@hospital.example', groups: ['kitchen'] }],
  ['root', { name: 'Somebody Else', email: 'root@hospital.example', groups: ['security'] }],
]);

function account(id) {
  const person = PEOPLE.get(id);
  return person && {
    accountId: id,
    claims: () => ({ sub: `person-${id}`, preferred_username: id, ...person }),
  };
}

// Everybody who signs in lets this one server know who it is.
async function grant(ctx) {
  const { client, session, provider } = ctx.oidc;
  const given = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  given.addOIDCScope('openid profile email groups');
  await given.save();
  return given;
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'test' };
}

const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'auscult', client_secret: 'known to both', redirect_uris: [callback] }],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email'],
      groups: ['groups'],
    },
    conformIdTokenClaims: groupsIn !== 'id-token',
    cookies: { keys: [randomBytes(32).toString('hex')] },
    findAccount: (_, id) => account(id),
    jwks: { keys: [signingKey()] },
    loadExistingGrant: grant,
    pkce: { required: () => true, methods: ['S256'] },
  });
  server.on('request', provider.callback());
  console.log(`at ${issuer}`);
});

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
