import { Buffer } from "buffer";
window.Buffer = Buffer;

window.start = async ({ host, app }) => {
  window.device = `visit-${Math.random().toString(36).slice(2)}`;
  document.cookie = `wem-session-id=${window.device}; path=/`;
  const { useTracker } = await import("apache-unomi-tracker");
  const client = useTracker();
  const pageInfo = { pageID: "home", pageName: "Home", pagePath: "/home", destinationURL: location.href, language: "en" };
  client.initTracker({
    scope: app,
    site: { siteInfo: { siteID: app } },
    page: { pageInfo, attributes: {}, consentTypes: [] },
    events: [],
    wemInitConfig: { contextServerUrl: `${host}/cxs`, timeoutInMilliseconds: 5000, contextServerCookieName: "context-profile-id", activateWem: true },
  });
  client.startTracker();
  // This client sends each event once and tells its page when it failed. Sent again with the same item id it counts once.
  const once = (event) => new Promise((done, fail) => client.collectEvent(event, done, fail));
  const patient = async (event) => {
    const named = { ...event, itemId: crypto.randomUUID() };
    for (;;) {
      const failed = await once(named).then(() => undefined, (request) => request ?? {});
      if (!failed) return;
      await new Promise((done) => setTimeout(done, 1000 * Number(failed.getResponseHeader?.("retry-after") || 0.1)));
    }
  };
  const send = location.hash === "#patient" ? patient : once;
  const view = client.buildEvent("view", client.buildTargetPage(), client.buildSource(app, "site"));
  client._registerEvent(view);
  client.loadContext();
  await new Promise((done) => setTimeout(done, 500));
  window.see = () => send(client.buildEvent("productViewed", client.buildTarget("p1", "product"), client.buildSourcePage()));
  await send(client.buildEvent("productAdded", client.buildTarget("p1", "product"), client.buildSourcePage()));
  const order = client.buildEvent("orderCompleted", client.buildTarget("o", "order"), client.buildSourcePage());
  await send({ ...order, properties: { order_id: `o-${window.device}`, total: 12.5 } });
};
