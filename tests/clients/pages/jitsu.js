import { jitsuAnalytics } from "@jitsu/js";

window.start = async ({ host, jitsu }) => {
  // This client sends each call once. Whoever wants more gives it a fetch that tries again, with the same message id.
  const patient = async (url, options) => {
    for (;;) {
      const answer = await fetch(url, options).catch(() => undefined);
      if (answer && answer.status < 429) return answer;
      await new Promise((done) => setTimeout(done, 1000 * Number(answer?.headers.get("retry-after") || 0.1)));
    }
  };
  const client = jitsuAnalytics({ host, writeKey: jitsu, fetch: location.hash === "#patient" ? patient : undefined });
  await client.page({ path: "/home" });
  window.device = document.cookie.match(/__eventn_id=([^;]+)/)[1];
  window.see = () => client.track("Product Viewed", { product_id: "p1" });
  await client.track("Product Added", { product_id: "p1" });
  await client.track("Order Completed", { order_id: `o-${window.device}`, total: 12.5 });
  await client.identify("ana", { city: "Köln" });
  await client.group("family", {});
};
