// Runs one vendor's client: `node client.js VENDOR HOST KEY USER EVENTS`. Prints what the client itself reported as failed.
const [vendor, host, key, user, count] = process.argv.slice(2);
const failures = [];
const events = Number(count);
const order = { order_id: `o-${user}`, total: 12.5 };
const product = { product_id: "p1" };
const ended = (call) => new Promise((done) => call(done));

const clients = {
  async segment() {
    const { Analytics } = require("@segment/analytics-node");
    const client = new Analytics({ writeKey: key, host, flushAt: 20, flushInterval: 50, maxRetries: 10 });
    client.on("error", (error) => failures.push(String(error.reason || error)));
    for (let n = 0; n < events; n++) client.track({ userId: user, event: "Product Viewed", properties: product });
    client.identify({ userId: user, traits: { city: "Köln" } });
    client.page({ userId: user, name: "Home", properties: { path: "/" } });
    client.screen({ userId: user, name: "Start" });
    client.alias({ userId: user, previousId: `before-${user}` });
    client.group({ userId: user, groupId: "family" });
    client.track({ userId: user, event: "Order Completed", properties: order });
    await client.closeAndFlush();
  },
  async rudderstack() {
    const made = require("@rudderstack/rudder-sdk-node");
    const client = new (made.default || made)(key, { dataPlaneUrl: host, flushAt: 20, flushInterval: 50, retryCount: 10 });
    for (let n = 0; n < events; n++) client.track({ userId: user, event: "Product Viewed", properties: product });
    client.identify({ userId: user, traits: { city: "Köln" } });
    client.page({ userId: user, name: "Home", properties: { path: "/" } });
    client.screen({ userId: user, name: "Start" });
    client.alias({ userId: user, previousId: `before-${user}` });
    client.group({ userId: user, groupId: "family" });
    client.track({ userId: user, event: "Order Completed", properties: order });
    for (let n = 0; n <= (events + 6) / 20; n++) await ended((done) => client.flush(done)).catch((e) => failures.push(String(e)));
  },
  async posthog() {
    const { PostHog } = require("posthog-node");
    const client = new PostHog(key, { host, flushAt: 20, flushInterval: 50, fetchRetryCount: 10, fetchRetryDelay: 50 });
    client.on("error", (error) => failures.push(String(error)));
    for (let n = 0; n < events; n++) client.capture({ distinctId: user, event: "Product Viewed", properties: product });
    client.identify({ distinctId: user, properties: { city: "Köln" } });
    client.capture({ distinctId: user, event: "$pageview", properties: { $pathname: "/" } });
    client.capture({ distinctId: user, event: "$screen", properties: { $screen_name: "Start" } });
    client.alias({ distinctId: user, alias: `before-${user}` });
    client.groupIdentify({ groupType: "family", groupKey: "family", distinctId: user });
    client.capture({ distinctId: user, event: "Order Completed", properties: order });
    await client.shutdown();
  },
  async snowplow() {
    const tracking = require("@snowplow/node-tracker");
    const shop = "iglu:com.snowplowanalytics.snowplow.ecommerce";
    const failed = (failure) => failures.push(String(failure.message || failure.status));
    const sending = { endpoint: host, eventMethod: "post", bufferSize: 20, customHeaders: { "X-Write-Key": key } };
    const client = tracking.newTracker({ namespace: "n", appId: "corner-shop", encodeBase64: true }, { ...sending, onRequestFailure: failed });
    client.setUserId(user);
    const described = (schema, data) => tracking.buildSelfDescribingEvent({ event: { schema: `${schema}/jsonschema/1-0-0`, data } });
    for (let n = 0; n < events; n++) client.track(described("iglu:com.example/product_viewed", product));
    client.track(tracking.buildPageView({ pageUrl: "https://shop.example/" }));
    client.track(tracking.buildScreenView({ name: "Start", id: "1" }));
    const bought = { transaction_id: order.order_id, revenue: 12.5, currency: "EUR", payment_method: "card" };
    client.track(described(`${shop}/snowplow_ecommerce_action`, { type: "transaction" }), [
      { schema: `${shop}/transaction/jsonschema/1-0-0`, data: bought },
    ]);
    // What could not be sent stays in the tracker's store until it is flushed again.
    for (let n = 0; n < 15; n++) {
      client.flush();
      await new Promise((done) => setTimeout(done, 200));
    }
  },
  async jitsu() {
    const { jitsuAnalytics } = require("@jitsu/js");
    const client = jitsuAnalytics({ host, writeKey: key });
    await client.identify(user, { city: "Köln" });
    for (let n = 0; n < events; n++) await client.track("Product Viewed", product);
    await client.page({ name: "Home", path: "/" });
    await client.group("family", {});
    await client.track("Order Completed", order);
  },
};

clients[vendor]().then(() => {
  process.stdout.write(JSON.stringify(failures));
  process.exit(0);
});
