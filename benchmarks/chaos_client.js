// The Node twin of chaos_client.py: `node chaos_client.js VENDOR HOST KEY NAME EVENTS PEOPLE RETRIES BATCH OUT`.
const crypto = require("node:crypto");
const fs = require("node:fs");
const [vendor, host, key, name, events, people, retries, batch, out] = process.argv.slice(2);
const givenUp = [];
let waiting = 0; // events of which the client has not said yet what became of them
const HELD = 500;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const clients = {
  segment() {
    const { Analytics } = require("@segment/analytics-node");
    const client = new Analytics({ writeKey: key, host, flushAt: Number(batch), flushInterval: 500, maxRetries: Number(retries) });
    client.on("error", (error) => givenUp.push(error.ctx.event.messageId));
    return { track: (event) => client.track(event, () => waiting--), end: () => client.closeAndFlush({ timeout: 600000 }) };
  },
  rudderstack() {
    const made = require("@rudderstack/rudder-sdk-node");
    const sending = { dataPlaneUrl: host, flushAt: Number(batch), flushInterval: 500, retryCount: Number(retries) };
    const client = new (made.default || made)(key, { ...sending, errorHandler: () => {} });
    const told = (event) => (error) => {
      waiting--;
      if (error) givenUp.push(event.messageId);
    };
    const end = async () => {
      for (let round = 0; waiting > 0 && round < 600; round++) {
        client.flush().catch(() => {}); // told to the callback of each event
        await pause(500);
      }
    };
    return { track: (event) => client.track(event, told(event)), end };
  },
};

async function main() {
  const client = clients[vendor]();
  for (let number = 0; number < Number(events); number++) {
    const messageId = `${name}-${number}`;
    const weight = crypto.createHash("sha256").update(messageId).digest().readUInt32BE(0) >>> 3;
    const properties = { product_id: `p${number % 1000}`, weight };
    while (waiting > HELD) await pause(20);
    waiting++;
    client.track({ userId: `person${number % Number(people)}`, event: "Product Viewed", messageId, properties });
    if (number % 50 === 0) await pause(0);
  }
  await client.end();
  fs.writeFileSync(out, JSON.stringify(givenUp));
  process.exit(0);
}

main();
