// @ts-check
/**
 * Regulars in the browser: events out, decisions in. One file, no dependencies, no build; ES2017.
 *
 * Before a consent nothing is stored and nothing is sent: events wait in this page's memory. With a refusal they are
 * gone. Comments that stand on lines of their own and indentation are taken away when the file is served.
 *
 * Documentation: docs/reference/browser-sdk.md. Types: regulars.d.ts.
 */
(function (window, document) {
  "use strict";

  /** @typedef {import("./regulars").Regulars} Regulars */
  /** @typedef {import("./regulars").Settings} Settings */
  /** @typedef {import("./regulars").Answer} Answer */
  /** @typedef {import("./regulars").Slot} Slot */
  /** @typedef {import("./regulars").Renderer} Renderer */
  /** @typedef {import("./regulars").DecideOptions} DecideOptions */
  /** @typedef {Record<string, any>} Facts */
  /** @typedef {{messageId: string, type: string, event?: string, [field: string]: any}} Call */
  /** @typedef {{id?: string, user?: string, consent?: Facts, google?: Facts, tcf?: string}} Kept */

  const VERSION = "1.0.0";
  const STORE = "regulars";
  /** Each tab keeps its own queue, so that tabs never overwrite each other's. */
  const QUEUES = "regulars.q.";
  /** Bytes of a body that browsers still send when the page is gone: 64 KiB for all such requests together. */
  const KEEPALIVE_BYTES = 60000;
  /** What is sent at once, because the page often ends right after it. */
  const URGENT = /^(Order |Consent |Promotion Clicked|Product Clicked|Payment )/;
  const GOOGLE = ["ad_storage", "analytics_storage", "ad_user_data", "ad_personalization"];
  const HELPERS = {
    viewed: "Product Viewed",
    added: "Product Added",
    removed: "Product Removed",
    listViewed: "Product List Viewed",
    cartViewed: "Cart Viewed",
    checkoutStarted: "Checkout Started",
    checkoutStep: "Checkout Step Viewed",
    orderCompleted: "Order Completed",
    optionChosen: "Product Option Chosen",
    paymentStarted: "Payment Started",
    paymentReturned: "Payment Returned",
  };

  /** @type {any} */
  const global = window;
  const stub = global.regulars;
  if (stub && stub.version) return;
  const early = Array.isArray(stub) ? stub : [];

  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  /** @type {Required<Settings>} */
  const settings = {
    key: "", host: script && script.src ? new URL(script.src).origin : "", storage: "local", cookieDomain: "", days: 390,
    needs: [], signals: ["tcf", "google"], gpc: true, dnt: false, token: "", flushAfter: 1000, most: 300, timeout: 1000,
    render: true, friction: true, language: "",
  };
  const tab = unique().slice(0, 8);
  let loaded = false;
  /** @type {"waiting" | "granted" | "refused"} */
  let verdict = "waiting";
  /** Who said yes or no: the shop's own dialogue, consent managers. One no is enough. @type {Record<string, boolean>} */
  let answers = {};
  /** @type {Kept} */
  let kept = {};
  /** @type {Call[]} */
  let queue = [];
  /** @type {Set<string>} */
  const flying = new Set();
  let alive = 0;
  let batchSize = 50;
  let failures = 0;
  let pausedUntil = 0;
  let timer = 0;
  let dueAt = 0;
  let left = false;
  let written = false;
  /** @type {{yes: () => void, no: () => void}[]} */
  let waiters = [];
  /** @type {Record<string, Renderer>} */
  const renderers = {};

  // ---- consent ------------------------------------------------------------------------------------------------------

  /** What all who were asked say together. */
  function settle() {
    if (!loaded) return;
    const said = Object.values(answers);
    const navigated = /** @type {any} */ (navigator);
    const signalled = (settings.gpc && navigated.globalPrivacyControl) || (settings.dnt && navigated.doNotTrack === "1");
    if (signalled || said.includes(false)) refuse();
    else if (said.includes(true)) grant();
  }

  function grant() {
    if (!granted()) {
      verdict = "granted";
      const stored = read();
      kept = Object.assign({}, kept, { id: stored.id || unique(), user: kept.user || stored.user });
      queue.forEach(stamp);
      adopt();
      setTimeout(() => { if (granted()) { adopt(); flush(); } }, 4000);
      waiters.splice(0).forEach((one) => one.yes());
    }
    save();
    soon(0);
  }

  function refuse() {
    const known = verdict === "granted" ? kept : read();
    verdict = "refused";
    queue = [];
    written = false;
    clear();
    delete answers.kept;
    if (known.id) {
      // This browser was known to the server, which must learn of it; nothing else is told, and nothing is kept for it.
      const said = /** @type {Facts} */ ((kept.consent || {}).categoryPreferences || (known.consent || {}).categoryPreferences || {});
      const purposes = Object.assign({}, said);
      if (answers.own !== false) Object.keys(purposes).forEach((one) => { purposes[one] = false; });
      const last = { type: "track", event: "Consent Updated", messageId: unique(), timestamp: now(), anonymousId: known.id,
        properties: { purposes, method: "withdrawal" }, context: signals(Object.assign({}, kept, { consent: undefined })) };
      farewell(wrap([last]), 0);
    }
    kept = {};
    waiters.splice(0).forEach((one) => one.no());
  }

  /** @param {string} body @param {number} tries */
  function farewell(body, tries) {
    const again = () => { if (tries < 8) setTimeout(() => farewell(body, tries + 1), 1000 * Math.pow(2, tries)); };
    post("/v1/batch", body).then((answer) => { if (answer.status === 429 || answer.status > 499) again(); }, again);
  }

  /** What rides on every event, as the server reads it. @param {Kept} from */
  function signals(from) {
    /** @type {Facts} */
    const told = {};
    if (from.consent) told.consent = from.consent;
    if (from.google) told.google_consent = from.google;
    if (from.tcf) told.tcf = from.tcf;
    return told;
  }

  function listen() {
    if (settings.signals.includes("tcf") && typeof global.__tcfapi === "function") {
      global.__tcfapi("addEventListener", 2, (/** @type {any} */ data, /** @type {boolean} */ ok) => {
        if (!ok || data.gdprApplies === false || !/tcloaded|useractioncomplete/.test(data.eventStatus)) return;
        kept.tcf = data.tcString;
        // Purpose 1: store and access information on a device. What else may be done the server reads in the string.
        answers.tcf = !!(data.purpose && data.purpose.consents && data.purpose.consents[1]);
        settle();
      });
    }
    if (settings.signals.includes("google")) {
      const layer = (global.dataLayer = global.dataLayer || []);
      const hear = (/** @type {any} */ entry) => {
        // A default of the page is no answer of a person.
        if (!entry || entry[0] !== "consent" || entry[1] !== "update" || !entry[2]) return;
        const told = Object.assign({}, kept.google);
        GOOGLE.forEach((kind) => { if (kind in entry[2]) told[kind] = entry[2][kind]; });
        kept.google = told;
        answers.google = GOOGLE.some((kind) => told[kind] === "granted");
        settle();
      };
      layer.slice().forEach(hear);
      const push = layer.push;
      layer.push = function () {
        const result = push.apply(layer, arguments);
        Array.from(arguments).forEach(hear);
        return result;
      };
    }
  }

  /** @param {Record<string, boolean>} purposes @param {{method?: string, version?: string}} [how] @param {number} [at] */
  function consent(purposes, how, at) {
    const said = Object.assign({}, purposes);
    const told = how || {};
    const wanted = settings.needs.length ? settings.needs : Object.keys(said);
    const same = JSON.stringify((kept.consent || {}).categoryPreferences) === JSON.stringify(said);
    kept.consent = { categoryPreferences: said };
    if (told.version) kept.consent.version = told.version;
    answers.own = wanted.some((purpose) => said[purpose] === true);
    settle();
    if (granted() && !same) {
      const properties = { purposes: said, method: told.method || "banner", text_version: told.version };
      tell("Consent Updated", properties, at);
    }
  }

  const granted = () => verdict === "granted";

  // ---- what is kept -------------------------------------------------------------------------------------------------

  /** @template T @param {() => T} action @param {T} otherwise */
  function tried(action, otherwise) {
    try {
      return action();
    } catch (_) {
      return otherwise;
    }
  }

  /** @returns {Kept} */
  function read() {
    return tried(() => {
      const found = settings.storage === "cookie"
        ? decodeURIComponent((document.cookie.match(/(?:^|; )regulars=([^;]*)/) || ["", ""])[1])
        : settings.storage === "local" ? localStorage.getItem(STORE) : "";
      const one = JSON.parse(found || "{}");
      return one && typeof one.id === "string" ? one : {};
    }, {});
  }

  /** @param {string} value @param {number} seconds */
  function bake(value, seconds) {
    const domain = settings.cookieDomain ? "; domain=" + settings.cookieDomain : "";
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = STORE + "=" + encodeURIComponent(value) + "; path=/; samesite=lax; max-age=" + seconds + domain + secure;
  }

  /** What was kept is gone: withdrawn in another tab, which has told it, or removed by the customer. */
  function forgotten() {
    if (!granted() || !written || read().id) return false;
    forget();
    return true;
  }

  function forget() {
    verdict = "refused";
    queue = [];
    kept = {};
    answers = {};
    written = false;
    tried(() => localStorage.removeItem(QUEUES + tab), undefined);
  }

  function save() {
    if (!granted() || settings.storage === "memory" || forgotten()) return;
    tried(() => {
      const text = JSON.stringify(kept);
      if (settings.storage === "cookie") bake(text, settings.days * 86400);
      else if (localStorage.getItem(STORE) !== text) localStorage.setItem(STORE, text);
      written = !!read().id;
    }, undefined);
    tried(() => {
      if (queue.length) localStorage.setItem(QUEUES + tab, JSON.stringify({ at: Date.now(), calls: queue }));
      else localStorage.removeItem(QUEUES + tab);
    }, undefined);
  }

  const queues = () => tried(() => Object.keys(localStorage).filter((name) => name.startsWith(QUEUES)), []);

  function clear() {
    tried(() => {
      queues().forEach((name) => localStorage.removeItem(name));
      localStorage.removeItem(STORE);
    }, undefined);
    if (settings.storage === "cookie") bake("", 0);
  }

  /** What pages before this one could not deliver. A tab that still lives may send the same: it counts once. */
  function adopt() {
    if (settings.storage === "memory") return;
    const known = new Set(queue.map((one) => one.messageId));
    queues().forEach((name) => tried(() => {
      const other = JSON.parse(localStorage.getItem(name) || "{}");
      if (name === QUEUES + tab || Date.now() - other.at < 3000) return;
      localStorage.removeItem(name);
      queue = other.calls.filter((/** @type {Call} */ one) => !known.has(one.messageId)).concat(queue);
    }, undefined));
    bound();
  }

  /** The oldest goes first, orders last. */
  function bound() {
    while (queue.length > settings.most) {
      const at = queue.findIndex((one) => !/^(Order|Consent) /.test(one.event || ""));
      queue.splice(Math.max(at, 0), 1);
    }
  }

  // ---- events -------------------------------------------------------------------------------------------------------

  function unique() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join("");
  }

  /** @param {number} [at] */
  const now = (at) => new Date(at || Date.now()).toJSON();

  /** Without what looks like an address of mail, and without values whose names say that they are secret. @param {string} text */
  function scrub(text) {
    return String(text || "").slice(0, 1000)
      .replace(/[^\s/?&=#:;,]+(?:@|%40)[^\s/?&=#:;,]+/gi, "[email]")
      .replace(/([?&#;][\w.-]*(?:token|passw|secret|mail|phone|session|auth)[\w.-]*=)[^&#;]*/gi, "$1[removed]");
  }

  function pageFacts() {
    return { path: scrub(location.pathname), url: scrub(location.href), referrer: scrub(document.referrer),
      search: scrub(location.search), title: scrub(document.title) };
  }

  // Whether somebody is there: mouse, keys or screen were used. Nothing of what they did is kept.
  let hand = false;
  for (const name of ["pointerdown", "pointermove", "touchstart", "keydown", "wheel"]) {
    window.addEventListener(name, (event) => { hand = hand || event.isTrusted; }, { passive: true, capture: true });
  }

  function context() {
    /** @type {Facts} */
    const campaign = {};
    new URLSearchParams(location.search).forEach((value, name) => {
      if (name.startsWith("utm_")) campaign[name === "utm_campaign" ? "name" : name.slice(4)] = scrub(value);
    });
    return { library: { name: "regulars.js", version: VERSION }, page: pageFacts(), userAgent: navigator.userAgent,
      webdriver: navigator.webdriver || undefined, hand, locale: navigator.language, campaign: Object.keys(campaign).length ? campaign : undefined };
  }

  /** @param {Call} one */
  function stamp(one) {
    one.anonymousId = one.anonymousId || kept.id;
    Object.assign(one.context, signals(kept));
  }

  /** @param {string} type @param {Facts} fields @param {number} [at] */
  function call(type, fields, at) {
    if (verdict === "refused") return "";
    /** @type {Call} */
    const one = Object.assign({ type, messageId: unique(), timestamp: now(at), context: context() }, fields);
    if (kept.user) one.userId = one.userId || kept.user;
    if (granted()) stamp(one);
    queue.push(one);
    bound();
    if (granted()) {
      save();
      if (left) leave();
      else if (URGENT.test(one.event || "")) flush();
      else soon(settings.flushAfter);
    }
    return one.messageId;
  }

  /** @param {string} event @param {Facts} [properties] @param {number} [at] */
  const tell = (event, properties, at) => call("track", { event, properties: properties || {} }, at);

  /** @param {number} wait */
  function soon(wait) {
    const at = Math.max(Date.now() + wait, pausedUntil);
    if (timer && dueAt <= at && dueAt >= pausedUntil) return;
    clearTimeout(timer);
    dueAt = at;
    timer = window.setTimeout(flush, at - Date.now());
  }

  // ---- sending ------------------------------------------------------------------------------------------------------

  /** @param {Call[]} batch */
  function wrap(batch) {
    const token = settings.token ? { regulars_token: settings.token } : {};
    return JSON.stringify({ writeKey: settings.key, sentAt: now(), context: token, batch });
  }

  /** Without headers that would make the browser ask first. @param {string} path @param {string} body */
  function post(path, body) {
    const size = new Blob([body]).size;
    const keepalive = alive + size < KEEPALIVE_BYTES;
    if (keepalive) alive += size;
    const control = new AbortController();
    const clock = setTimeout(() => control.abort(), 30000);
    const done = () => { clearTimeout(clock); if (keepalive) alive -= size; };
    const sent = fetcher(settings.host + path, { method: "POST", body, keepalive, mode: "cors", credentials: "omit",
      referrerPolicy: "no-referrer", signal: control.signal, headers: { "content-type": "text/plain" } });
    sent.then(done, done);
    return sent;
  }

  /** As many as fit; those of which an answer is awaited stay out. */
  function take() {
    /** @type {Call[]} */
    const batch = [];
    let size = 0;
    for (const one of queue) {
      if (flying.has(one.messageId)) continue;
      size += JSON.stringify(one).length;
      if (batch.length && (batch.length >= batchSize || size > 40000)) break;
      batch.push(one);
    }
    return batch;
  }

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (!granted() || forgotten() || !queue.length) return;
    if (Date.now() < pausedUntil) return soon(0);
    const batch = take();
    if (!batch.length) return;
    send(batch);
    if (take().length) soon(0);
  }

  /** @param {Call[]} batch */
  function send(batch) {
    const ids = new Set(batch.map((one) => one.messageId));
    const drop = () => { queue = queue.filter((one) => !ids.has(one.messageId)); };
    ids.forEach((id) => flying.add(id));
    post("/v1/batch", wrap(batch)).then((answer) => {
      const status = answer.status;
      if (answer.ok) {
        drop();
        failures = 0;
        batchSize = 50;
      } else if (status === 413 && batch.length > 1) batchSize = Math.ceil(batch.length / 2);
      else if (status === 429 || status === 401 || status === 403 || status === 408 || status > 499) {
        if (status === 401 || status === 403) warn("key or origin may not send events: " + status);
        pause(answer.headers.get("retry-after"));
      } else {
        warn("refused " + batch.length + " events: " + status);
        drop();
      }
    }, () => pause(null)).then(() => {
      ids.forEach((id) => flying.delete(id));
      save();
      if (granted() && queue.length) soon(0);
    });
  }

  /** Waits twice as long each time, never less than the server asks for. @param {string | null} asked */
  function pause(asked) {
    const wait = Math.min(1000 * Math.pow(2, failures++), 60000) * (0.5 + Math.random() / 2);
    const seconds = asked ? Number(asked) : 0;
    const told = isNaN(seconds) ? Date.parse(asked || "") - Date.now() : seconds * 1000;
    pausedUntil = Date.now() + Math.max(wait, Math.min(told || 0, 3600000));
  }

  /** The page ends. What is sent now stays stored until a later page has its receipt: twice sent counts once. */
  function leave() {
    left = true;
    if (!granted()) return;
    const batch = take();
    if (!batch.length) return;
    const body = wrap(batch);
    if ("keepalive" in Request.prototype && alive + new Blob([body]).size < KEEPALIVE_BYTES) send(batch);
    else if (navigator.sendBeacon) navigator.sendBeacon(settings.host + "/v1/batch", body);
  }

  /** @param {string} text */
  function warn(text) {
    console.warn("regulars: " + text);
  }

  // ---- decisions ----------------------------------------------------------------------------------------------------

  /** @param {string | string[]} placements @param {DecideOptions} [options] @returns {Promise<Answer>} */
  function decide(placements, options) {
    const asked = options || {};
    return new Promise((resolve) => {
      let over = false;
      /** @param {Answer} answer */
      const end = (answer) => {
        over = true;
        clearTimeout(clock);
        resolve(answer);
      };
      /** @param {string} reason */
      const fail = (reason) => end({ decision_id: "", language: "", placements: asked.fallback || {}, fallback: reason });
      const clock = setTimeout(() => fail(verdict === "waiting" ? "consent" : "timeout"), asked.timeout || settings.timeout);
      const ask = () => {
        if (over) return;
        if (navigator.onLine === false) return fail("offline");
        const token = settings.token ? { regulars_token: settings.token } : {};
        const body = { writeKey: settings.key, anonymousId: kept.id, placements: [].concat(/** @type {any} */ (placements)),
          basket: asked.basket || [], context: Object.assign(token, asked.context),
          language: asked.language || settings.language || undefined, query: asked.query || undefined,
          // They are sent by themselves, too: a decision's answer does not wait until they are stored.
          events: queue.filter((one) => !/^Order /.test(one.event || "")).slice(-20) };
        post("/v1/decide", JSON.stringify(body)).then((answer) => {
          if (!answer.ok) throw answer.status;
          return answer.json();
        }).then((answer) => {
          if (!answer.placements) throw answer;
          end(Object.assign(answer, { fallback: "" }));
        }).catch(() => fail("error"));
      };
      if (granted()) ask();
      else if (verdict === "refused") fail("consent");
      else waiters.push({ yes: ask, no: () => fail("consent") });
    });
  }

  /** Fills the placements of the page. @param {ParentNode} [root] @param {number} [timeout] */
  function show(root, timeout) {
    const found = /** @type {HTMLElement[]} */ (
      Array.from((root || document).querySelectorAll("[data-regulars-placement]:not([data-regulars-shown])")));
    const names = Array.from(new Set(found.map((one) => one.dataset.regularsPlacement || ""))).filter(Boolean);
    if (!names.length) return Promise.resolve();
    const fill = (/** @type {any} */ answer) => found.forEach((one) => place(one, answer));
    if (timeout !== undefined && timeout <= 0) return Promise.resolve(fill({ placements: {} }));
    found.forEach((one) => {
      // Nothing below moves while the content changes: the place keeps at least the height that it has.
      const height = getComputedStyle(one).height;
      if (/px$/.test(height)) one.style.minHeight = height;
      veil(one, "hidden");
    });
    return decide(names, { timeout }).then(fill);
  }

  /** @param {HTMLElement} element @param {string} visibility */
  function veil(element, visibility) {
    Array.from(element.children).forEach((one) => { /** @type {HTMLElement} */ (one).style.visibility = visibility; });
  }

  /** @param {HTMLElement} element @param {Answer} answer */
  function place(element, answer) {
    const name = element.dataset.regularsPlacement || "";
    const slot = answer.placements[name];
    let done = false;
    veil(element, "");
    if (slot && (slot.offer || (slot.items && slot.items.length))) {
      try {
        const template = /** @type {HTMLTemplateElement | null} */ (element.querySelector("template"));
        if (renderers[name]) done = renderers[name](element, slot, answer) !== false;
        else if (template) {
          const content = fill(/** @type {DocumentFragment} */ (template.content.cloneNode(true)), slot);
          Array.from(element.childNodes).forEach((one) => { if (one !== template) one.remove(); });
          element.appendChild(content);
          done = true;
        }
      } catch (error) {
        warn("placement " + name + ": " + error);
      }
    }
    element.setAttribute("data-regulars-shown", done ? "decision" : "fallback");
    if (done && slot && answer.decision_id) watch(element, name, slot, answer.decision_id);
  }

  /** @param {any} data @param {string} path */
  const pick = (data, path) => path.split(".").reduce((value, key) => (value === null || value === undefined ? value : value[key]), data);

  /** @param {any} value */
  function words(value) {
    if (!value || typeof value.minor !== "number") return value === null || value === undefined ? "" : String(value);
    const format = new Intl.NumberFormat(settings.language || document.documentElement.lang || undefined,
      { style: "currency", currency: value.currency });
    return format.format(value.minor / Math.pow(10, format.resolvedOptions().maximumFractionDigits || 0));
  }

  /**
   * Puts values into a copy of the shop's template: as text and as attributes. Only the shop's own
   * `data-regulars-html` takes a value as HTML.
   * @param {DocumentFragment} root @param {any} data
   */
  function fill(root, data) {
    /** @param {string} name @param {(one: HTMLElement, value: string) => void} action */
    const each = (name, action) => root.querySelectorAll("[data-regulars-" + name + "]").forEach((one) =>
      action(/** @type {HTMLElement} */ (one), one.getAttribute("data-regulars-" + name) || ""));
    each("if", (one, path) => { if (!pick(data, path)) one.remove(); });
    each("text", (one, path) => { one.textContent = words(pick(data, path)); });
    each("html", (one, path) => { one.innerHTML = words(pick(data, path)); });
    each("attr", (one, list) => list.split(";").forEach((pair) => {
      const [name, path] = pair.split(":").map((part) => part.trim());
      const value = path ? words(pick(data, path)) : "";
      if (value && /^(href|src|alt|title|value|class|width|height|aria-[a-z]+|data-(?!regulars)[a-z-]+)$/.test(name)
        && (!/^(href|src)$/.test(name) || /^(https?|mailto|tel):$/.test(tried(() => new URL(value, location.href).protocol, "")))) {
        one.setAttribute(name, value);
      }
    }));
    each("each", (one, path) => {
      (pick(data, path) || []).forEach((/** @type {any} */ item) => {
        const part = fill(/** @type {DocumentFragment} */ (/** @type {HTMLTemplateElement} */ (one).content.cloneNode(true)), item);
        Array.from(part.children).forEach((child) => child.setAttribute("data-regulars-item", words(item.id)));
        one.before(part);
      });
      one.remove();
    });
    return root;
  }

  /** Tells once what was really seen, half of it for a second, and what was clicked. @param {HTMLElement} element @param {string} placement @param {Slot} slot @param {string} decision */
  function watch(element, placement, slot, decision) {
    const facts = Object.assign({ decision_id: decision, placement }, slot.offer ? { offer_id: slot.offer.id } : {});
    let clock = 0;
    const seen = new IntersectionObserver((entries) => {
      const last = entries[entries.length - 1];
      const enough = last.intersectionRatio >= 0.5 || last.intersectionRect.height >= window.innerHeight / 2;
      clearTimeout(clock);
      if (!enough || !last.intersectionRect.height) return;
      clock = window.setTimeout(() => {
        seen.disconnect();
        if (document.visibilityState === "visible") tell("Decision Shown", facts);
        else document.addEventListener("visibilitychange", () => seen.observe(element), { once: true });
      }, 1000);
    }, { threshold: [0, 0.25, 0.5, 0.75, 1] });
    seen.observe(element);
    element.addEventListener("click", (event) => {
      const target = /** @type {Element} */ (event.target);
      const link = target.closest("a,button,[data-regulars-click]");
      const item = target.closest("[data-regulars-item]");
      if (!link || !element.contains(link)) return;
      if (item) {
        const id = item.getAttribute("data-regulars-item");
        const position = (slot.items || []).findIndex((one) => one.id === id) + 1;
        tell("Product Clicked", { decision_id: decision, placement, list_id: placement, product_id: id, position });
      } else if (slot.offer) {
        tell("Promotion Clicked", Object.assign({ promotion_id: slot.offer.id, position: placement }, facts));
      }
    });
  }

  // ---- friction: what went wrong and what was tried, never a field's content ------------------------------------------

  const fetcher = (/** @type {any[]} */ ...args) => /** @type {Promise<Response>} */ (plainFetch.apply(window, /** @type {any} */ (args)));
  const plainFetch = window.fetch;
  /** @type {Set<string>} */
  const told = new Set();

  /** Each kind of trouble once a page, and no more than twenty. @param {string} event @param {Facts} properties */
  function trouble(event, properties) {
    const mark = event + JSON.stringify(properties);
    if (told.has(mark) || told.size >= 20) return;
    told.add(mark);
    tell(event, properties);
  }

  /** @param {number} status @param {string} method @param {string} address */
  function failed(status, method, address) {
    const url = tried(() => new URL(address, location.href), null);
    if (!url || !/^http/.test(url.protocol)) return;
    trouble("Request Failed", { status, method: method.toUpperCase(), host: url.host, path: scrub(url.pathname) });
  }

  /** @param {string} kind @param {string} [file] @param {number} [line] */
  function broken(kind, file, line) {
    // The kind alone: a message may quote what was typed.
    const name = /^[\w. ]{1,60}$/.test(kind) ? kind : "Error";
    trouble("Script Failed", { kind: name, file: scrub((file || "").split(/[?#]/)[0]), line: line || 0 });
  }

  function feel() {
    window.addEventListener("error", (event) => {
      const from = /** @type {any} */ (event.target);
      if (from && from !== window && (from.src || from.href)) failed(0, "GET", from.src || from.href);
      else broken(event.error && event.error.name ? event.error.name : "Script error", event.filename, event.lineno);
    }, true);
    window.addEventListener("unhandledrejection", (event) => broken((event.reason && event.reason.name) || "Rejection"));
    window.fetch = function (/** @type {any} */ input, /** @type {any} */ init) {
      const method = (init && init.method) || (input && input.method) || "GET";
      const address = (input && input.url) || String(input);
      const sent = plainFetch.apply(window, /** @type {any} */ (arguments));
      sent.then((answer) => { if (answer.status > 399) failed(answer.status, method, address); },
        (error) => { if (!error || error.name !== "AbortError") failed(0, method, address); });
      return sent;
    };
    const open = XMLHttpRequest.prototype.open;
    XMLHttpRequest.prototype.open = function (/** @type {string} */ method, /** @type {any} */ address) {
      this.addEventListener("load", () => { if (this.status > 399) failed(this.status, method, String(address)); });
      this.addEventListener("error", () => failed(0, method, String(address)));
      return open.apply(this, /** @type {any} */ (arguments));
    };
    // Only lists and buttons to choose from; what is typed is never read.
    document.addEventListener("change", (event) => {
      const field = /** @type {any} */ (event.target);
      const holder = field.closest && field.closest("[data-regulars-option]");
      if (!holder || !(field.tagName === "SELECT" || /^(radio|checkbox)$/.test(field.type))) return;
      const product = field.closest("[data-regulars-product]");
      tell(HELPERS.optionChosen, { product_id: product ? product.getAttribute("data-regulars-product") : undefined,
        option: holder.getAttribute("data-regulars-option"), value: String(field.value).slice(0, 100) });
    }, true);
    let since = Date.now();
    document.addEventListener("visibilitychange", () => {
      if (left) return;
      const hidden = document.visibilityState === "hidden";
      tell(hidden ? "Page Hidden" : "Page Shown", { seconds: Math.round((Date.now() - since) / 1000) });
      since = Date.now();
    });
  }

  // ---- what a page calls ----------------------------------------------------------------------------------------------

  /** @param {Partial<Settings>} wanted */
  function load(wanted) {
    if (loaded) return;
    Object.assign(settings, wanted);
    settings.host = settings.host.replace(/\/+$/, "");
    loaded = true;
    const stored = read();
    if (stored.id) {
      // This browser agreed on an earlier page. Whoever says no on this one is heard all the same.
      kept = Object.assign({}, stored, kept);
      answers = Object.assign({ kept: true }, answers);
    }
    listen();
    settle();
    if (settings.friction) feel();
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", () => { left = false; flush(); });
    window.addEventListener("online", () => { pausedUntil = 0; flush(); });
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden" && !left) flush(); });
    window.addEventListener("storage", (event) => {
      if (event.key !== STORE) return;
      if (!event.newValue && granted()) {
        forget();
      } else if (event.newValue && granted()) {
        kept = Object.assign({}, kept, { user: undefined }, read());
      } else if (event.newValue && verdict === "waiting") {
        kept = Object.assign(read(), kept);
        answers.kept = true;
        settle();
      }
    });
    if (settings.render) {
      const first = () => {
        // Where the snippet has shown the fallback already, it stays.
        const late = early.length && !document.documentElement.classList.contains("regulars-wait");
        show(document, late ? 0 : Math.min(settings.timeout, (early.length ? early[0][3] + 1500 : Infinity) - Date.now()));
      };
      if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", first);
      else Promise.resolve().then(first);
    }
  }

  /** @type {any} */
  const api = {
    version: VERSION,
    load,
    /** @param {any[]} args */
    consent: (...args) => consent(args[0], args[1], args[2]),
    track: tell,
    /** @param {string | Facts} user @param {Facts} [traits] @param {number} [at] */
    identify: (user, traits, at) => {
      const named = typeof user === "object" ? "" : String(user);
      if (verdict === "refused") return "";
      if (named) kept.user = named;
      return call("identify", { traits: (typeof user === "object" ? user : traits) || {} }, at);
    },
    /** @param {string} [name] @param {Facts} [properties] @param {number} [at] */
    page: (name, properties, at) => call("page", { name, properties: Object.assign(pageFacts(), properties) }, at),
    /** @param {string} group @param {Facts} [traits] @param {number} [at] */
    group: (group, traits, at) => call("group", { groupId: String(group), traits: traits || {} }, at),
    /** @param {Facts} preferences @param {number} [at] */
    prefer: (preferences, at) => tell("Preference Declared", { preferences }, at),
    reset: () => {
      settings.token = "";
      delete kept.user;
      if (granted()) kept.id = unique();
      save();
    },
    /** @param {string} token */
    token: (token) => { settings.token = token || ""; },
    anonymousId: () => (granted() ? kept.id : ""),
    ready: () => new Promise((resolve) => {
      const yes = () => resolve(kept.id || "");
      if (granted()) yes();
      else if (verdict === "refused") resolve("");
      else waiters.push({ yes, no: () => resolve("") });
    }),
    decide,
    show,
    /** @param {string} placement @param {Renderer} renderer */
    render: (placement, renderer) => { renderers[placement] = renderer; },
    flush: () => { pausedUntil = 0; flush(); },
  };
  Object.entries(HELPERS).forEach(([name, event]) => {
    api[name] = (/** @type {Facts} */ properties, /** @type {number} */ at) => tell(event, properties, at);
  });
  global.regulars = api;

  // Calls of before, with their own times: those that take a time take it last.
  const timed = Object.assign({ consent: 2, track: 2, identify: 2, page: 2, group: 2, prefer: 1 },
    ...Object.keys(HELPERS).map((name) => ({ [name]: 1 })));
  early.slice().sort((a, b) => Number(b[0] === "load" || b[0] === "render") - Number(a[0] === "load" || a[0] === "render"))
    .forEach(([name, args, done, at]) => {
      const given = Array.from(args);
      if (name in timed) given[timed[name]] = at;
      if (typeof api[name] === "function") Promise.resolve(api[name](...given)).then(done);
    });
})(window, document);
