// An OpenID provider to sign in at: oidc-provider, a certified implementation, on loopback. Its one
// page asks who one is and believes it; it runs until its standard input ends.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => start(JSON.parse(line)));
lines.once("close", () => process.exit(0));

function start({ client_id, client_secret, people }) {
  const server = createServer();
  server.listen(0, "127.0.0.1", () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(issuer, {
      clients: [{
        client_id,
        client_secret,
        application_type: "native", // whose port on loopback may be any
        redirect_uris: ["http://127.0.0.1/login/openid/callback"],
        post_logout_redirect_uris: [],
        token_endpoint_auth_method: "client_secret_basic",
      }],
      claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email"] },
      cookies: { keys: ["only for tests"] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...people[id] }),
      }),
      interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
      pkce: { required: () => true },
    });
    const answer = provider.callback();
    server.on("request", (request, response) => {
      if (request.url.startsWith("/interaction/")) return ask(provider, request, response);
      return answer(request, response);
    });
    process.stdout.write(`${JSON.stringify({ issuer })}\n`);
  });
}

async function ask(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "consent") {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const result = { consent: { grantId: await grant.save() } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  }
  if (request.method !== "POST") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">
<form method="post"><label>Who <input name="who" autofocus></label><button>Continue</button></form>`);
    return undefined;
  }
  let body = "";
  for await (const part of request) body += part;
  const who = new URLSearchParams(body).get("who");
  const result = who
    ? { login: { accountId: who } }
    : { error: "access_denied", error_description: "nobody" };
  return provider.interactionFinished(request, response, result);
}
