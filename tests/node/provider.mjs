// An OpenID provider on 127.0.0.1 for tests: anybody is whoever they say, as PEOPLE describes them.
// CLIENTS and PEOPLE are JSON in the environment; what it prints first is its issuer.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const clients = JSON.parse(process.env.CLIENTS);
const people = JSON.parse(process.env.PEOPLE);
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const server = createServer();
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["of a test"] },
    pkce: { required: () => true },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
    jwks: { keys: [{ ...key, kid: randomUUID(), use: "sig", alg: "RS256" }] },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  });
  server.on("request", (_, answer) => answer.setHeader("Connection", "close"));
  server.on("request", provider.callback());
  console.log(issuer);
});
