import posthog from "posthog-js";

// A browser without a head is a machine to this client, which then sends nothing.
window.start = async ({ host, key }) => {
  await new Promise((done) => posthog.init(key, { api_host: host, opt_out_useragent_filter: true, loaded: done }));
  window.device = posthog.get_property("$device_id");
  // The client says nothing where both are the same already.
  window.alias = () => posthog.alias("ana-of-the-club", "ana");
  window.see = () => posthog.capture("Product Viewed", { product_id: "p1" });
  posthog.capture("Product Added", { product_id: "p1" });
  posthog.capture("Order Completed", { order_id: `o-${window.device}`, total: 12.5 });
  posthog.identify("ana", { city: "Köln" });
  posthog.group("family", "family");
};
