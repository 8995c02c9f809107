// Reads [{secret, headers, body}] from stdin; says for each what the library of the standard says: its type, or null.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const verdicts = JSON.parse(readFileSync(0, "utf8")).map(({ secret, headers, body }) => {
  try {
    return new Webhook(secret).verify(body, headers).type;
  } catch (error) {
    if (error.name !== "WebhookVerificationError") throw error;
    return null;
  }
});
console.log(JSON.stringify(verdicts));
