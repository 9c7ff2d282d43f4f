/** Regulars in the browser. Every call may be made before the script has loaded; it keeps its own time. */

/** Purposes of `consent.toml` and what was said to each. */
export type Purposes = Record<string, boolean>;
export type Properties = Record<string, unknown>;

export interface Settings {
  /** The public write key of `sources.toml`. */
  key: string;
  /** Where Regulars is reached; by default where this script came from. */
  host?: string;
  /** Where the id of this browser is kept after a consent: "local" (localStorage), "cookie", or "memory" (nowhere). */
  storage?: "local" | "cookie" | "memory";
  /** With "cookie": the domain whose subdomains share the id. */
  cookieDomain?: string;
  /** With "cookie": how long it holds, days. */
  days?: number;
  /** Purposes of which one must be granted before anything is stored or sent; by default any. */
  needs?: string[];
  /** Consent managers that are listened to: "tcf", "google". */
  signals?: string[];
  /** Whether Global Privacy Control is a refusal. Default true. */
  gpc?: boolean;
  /** Whether Do Not Track is a refusal. Default false. */
  dnt?: boolean;
  /** What the shop's backend signed for a customer who is logged in. Never stored. */
  token?: string;
  /** How long events wait for others before they are sent together, ms. */
  flushAfter?: number;
  /** Events that wait at most, in memory and in localStorage. */
  most?: number;
  /** How long a decision may take before the fallback counts, ms. */
  timeout?: number;
  /** Whether placements of the page are filled by themselves. Default true. */
  render?: boolean;
  /** Whether script errors, failed requests, chosen options and times in the background are reported. Default true. */
  friction?: boolean;
  /** Language of texts and prices; by default the browser's. */
  language?: string;
}

export interface Reason { code: string; text: string }
export interface Offer { id: string; title: string; text: string; link: string; image: string }
export interface Item {
  id: string;
  title?: string;
  /** Minor units of a currency. */
  price?: { minor: number; currency: string };
  link?: string;
  image?: string;
  reasons?: Reason[];
}
/** What one placement shows. */
export interface Slot { offer?: Offer | null; items?: Item[]; reasons?: Reason[]; notes?: Reason[] }
export interface Answer {
  /** Empty when the fallback counts. */
  decision_id: string;
  language: string;
  placements: Record<string, Slot>;
  /** Why the fallback counts: "timeout", "offline", "error", "consent"; empty when it does not. */
  fallback: string;
}
export interface DecideOptions {
  /** What each placement shows when no answer comes. */
  fallback?: Record<string, Slot>;
  /** ms */
  timeout?: number;
  context?: Properties;
  /** Product ids. */
  basket?: (string | number)[];
  language?: string;
  /** What the customer searches for, for a placement that answers searches. */
  query?: string;
}
/** Shows a slot; `false` means that it was not shown. Insert values as text, never as HTML. */
export type Renderer = (element: HTMLElement, slot: Slot, answer: Answer) => boolean | void;

export interface Product extends Properties { product_id: string | number }
export interface Order extends Properties { order_id: string | number; total: number; currency: string; products: Product[] }

export interface Regulars {
  readonly version: string;
  load(settings: Settings): void;
  /** What the customer answered, at each page or when it changes. All no: what waited is discarded, what was kept is removed. */
  consent(purposes: Purposes, how?: { method?: string; version?: string }): void;
  /** The message id; "" after a refusal. */
  track(event: string, properties?: Properties): string;
  /** Who the customer says to be: a claim, unless a token vouches for it. */
  identify(user: string | Properties, traits?: Properties): string;
  page(name?: string, properties?: Properties): string;
  group(group: string, traits?: Properties): string;
  /** What the customer wishes, as `preferences.toml` has it; null clears one. */
  prefer(preferences: Properties): string;
  /** The customer logged out: a new id, no user, no token. */
  reset(): void;
  token(token: string): void;
  /** The id of this browser; "" without consent. */
  anonymousId(): string;
  /** Resolves with the id once there is consent, with "" once it is refused. */
  ready(): Promise<string>;
  decide(placements: string | string[], options?: DecideOptions): Promise<Answer>;
  /** Fills placements that were added to the page. */
  show(root?: ParentNode): Promise<void>;
  render(placement: string, renderer: Renderer): void;
  /** Sends now what waits. */
  flush(): void;
  viewed(product: Product): string;
  added(product: Product): string;
  removed(product: Product): string;
  listViewed(list: Properties): string;
  cartViewed(cart: Properties): string;
  checkoutStarted(checkout: Properties): string;
  checkoutStep(step: Properties): string;
  orderCompleted(order: Order): string;
  optionChosen(choice: Properties): string;
  paymentStarted(payment: Properties): string;
  paymentReturned(payment: Properties): string;
}

declare global {
  const regulars: Regulars;
  interface Window { regulars: Regulars }
}
