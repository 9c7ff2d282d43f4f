import { jitsuAnalytics } from "@jitsu/js";

window.start = async ({ host, jitsu }) => {
  const client = jitsuAnalytics({ host, writeKey: jitsu });
  await client.page({ path: "/home" });
  window.device = document.cookie.match(/__eventn_id=([^;]+)/)[1];
  window.see = () => client.track("Product Viewed", { product_id: "p1" });
  await client.track("Product Added", { product_id: "p1" });
  await client.track("Order Completed", { order_id: `o-${window.device}`, total: 12.5 });
  await client.identify("ana", { city: "Köln" });
  await client.group("family", {});
};
