import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

window.start = async ({ host, key }) => {
  const client = new RudderAnalytics();
  client.load(key, host, { configUrl: host, useBeacon: location.hash === "#beacon" });
  await new Promise((done) => client.ready(done));
  window.device = client.getAnonymousId();
  window.alias = () => client.alias("ana", window.device);
  window.see = () => client.track("Product Viewed", { product_id: "p1" });
  client.page("Home", { path: "/home" });
  client.track("Product Added", { product_id: "p1" });
  client.track("Order Completed", { order_id: `o-${window.device}`, total: 12.5 });
  client.identify("ana", { city: "Köln" });
  client.group("family");
};
