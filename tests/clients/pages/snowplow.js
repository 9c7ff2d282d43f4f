import * as tracker from "@snowplow/browser-tracker";
import * as shop from "@snowplow/browser-plugin-snowplow-ecommerce";

window.start = async ({ host, app }) => {
  const made = tracker.newTracker("sp", host, { appId: app, plugins: [shop.SnowplowEcommercePlugin()] });
  window.device = made.getDomainUserId();
  const product = { id: "p1", price: 12.5, currency: "EUR", category: "shoes", quantity: 1 };
  // What could not be sent waits in the browser for the next event, or until the tracker is told.
  window.again = () => tracker.flushBuffer();
  window.see = () => shop.trackProductView(product);
  tracker.trackPageView();
  shop.trackAddToCart({ products: [product], total_value: 12.5, currency: "EUR" });
  shop.trackTransaction({ transaction_id: `o-${window.device}`, revenue: 12.5, currency: "EUR", payment_method: "card", products: [product] });
  tracker.setUserId("ana");
};
