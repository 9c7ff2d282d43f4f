import { AnalyticsBrowser } from "@segment/analytics-next";

// Where to send stands in the settings that it loads; over plain HTTP, as here, that must be said.
window.start = async ({ host, key }) => {
  const client = AnalyticsBrowser.load({ writeKey: key, cdnURL: host }, { integrations: { "Segment.io": { protocol: "http" } } });
  window.device = (await client.user()).anonymousId();
  window.alias = () => client.alias("ana", window.device);
  window.see = () => client.track("Product Viewed", { product_id: "p1" });
  await client.page("Home", { path: "/home" });
  await client.track("Product Added", { product_id: "p1" });
  await client.track("Order Completed", { order_id: `o-${window.device}`, total: 12.5 });
  await client.identify("ana", { city: "Köln" });
  await client.group("family");
};
