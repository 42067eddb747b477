/* Headwater's tracker: page views, clicks and events of your own, sent to the collector that this script came from.
 *
 *   <script src="https://collector.example/tracker.js" data-write-key="…" defer></script>
 *
 * Attributes: data-write-key; data-collector (default: where the script came from); data-consent="required" (send
 * nothing until headwater.consent(true)); data-user-id, data-user-email. Functions: headwater.page(),
 * headwater.track(type, payload), headwater.identify(id, email), headwater.consent(yes), headwater.flush().
 */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.headwater) return;
  const data = script.dataset;
  const target = `${data.collector || new URL(script.src).origin}/events`;
  const VISIT_MS = 30 * 60 * 1000;
  const BATCH = 50;
  const MOST_KEPT = 500;
  const BEACON_BYTES = 60000;
  const FIRST_WAIT_MS = 1000;
  const LONGEST_WAIT_MS = 60000;
  const SOON_MS = 1000;
  const CLICKABLE = "a,button,input,select,textarea,label,summary,[role=button],[data-track]";
  const KEPT = "headwater.";

  const ask = (name) => { try { return localStorage.getItem(KEPT + name); } catch { return null; } };
  const keep = (name, value) => {
    try { value === null ? localStorage.removeItem(KEPT + name) : localStorage.setItem(KEPT + name, value); } catch { /* full or forbidden */ }
  };
  const uuid = () => crypto.randomUUID ? crypto.randomUUID()
    : "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) =>
      (+c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+c / 4)))).toString(16));

  const refused = () => navigator.doNotTrack === "1" || navigator.globalPrivacyControl === true;
  const allowed = () => !refused() &&
    (data.consent === "required" ? ask("consent") === "yes" : ask("consent") !== "no");

  let queue = [];
  let sending = false;
  let wait = FIRST_WAIT_MS;
  let timer = 0;
  let visit = null;
  let visitor = null;
  let user = { id: data.userId, email: data.userEmail };
  let lastUrl = null;
  let referrer = document.referrer;
  let campaign = "";
  let seen = false;

  const visitId = () => {
    const now = Date.now();
    let found = visit;
    try { found = JSON.parse(ask("visit")) || visit; } catch { /* not ours */ }
    visit = found && now - found.at < VISIT_MS ? { id: found.id, at: now, utm: found.utm } : { id: uuid(), at: now, utm: campaign };
    if (campaign) visit.utm = campaign;
    keep("visit", JSON.stringify(visit));
    return visit.id;
  };
  const visitorId = () => {
    visitor = ask("visitor") || visitor || uuid();
    keep("visitor", visitor);
    return visitor;
  };
  // A visit keeps the campaign that it began with, as links within a site do not carry it.
  const address = () => {
    const url = new URL(location.href);
    campaign = [...url.searchParams].filter(([name]) => name.startsWith("utm_")).map((pair) => new URLSearchParams([pair])).join("&");
    const id = visitId();
    if (!campaign && visit.utm) url.search += (url.search ? "&" : "?") + visit.utm;
    return [id, url.href];
  };

  const add = (type, payload) => {
    if (!allowed()) return;
    seen = true;
    const [session, url] = address();
    queue.push({
      event_id: uuid(), type, session_id: session, user_id: user.id || visitorId(), user_email: user.email, url,
      referrer, created_at: new Date().toISOString(),
      user_agent: navigator.userAgent, language: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, payload,
    });
    if (queue.length > MOST_KEPT) queue.shift();
    if (queue.length >= BATCH) flush(); else if (!timer) timer = setTimeout(flush, SOON_MS);
  };

  const body = (events) => JSON.stringify(events);
  const flush = async () => {
    clearTimeout(timer);
    timer = 0;
    if (sending || !queue.length) return;
    sending = true;
    const batch = queue.slice(0, BATCH);
    let pause = 0;
    try {
      // Plain text, so that no preflight is needed; the collector reads it as JSON.
      const answer = await fetch(`${target}?write_key=${encodeURIComponent(data.writeKey || "")}`, {
        method: "POST", body: body(batch), keepalive: body(batch).length < BEACON_BYTES, credentials: "omit",
        headers: { "Content-Type": "text/plain" },
      });
      if (answer.status === 429 || answer.status >= 500) pause = 1000 * (+answer.headers.get("Retry-After") || 0) || wait;
    } catch { pause = wait; }
    sending = false;
    if (pause) {
      // The same events with the same ids: what was kept counts once.
      timer = setTimeout(flush, pause * (1 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      return;
    }
    wait = FIRST_WAIT_MS;
    queue = queue.filter((event) => !batch.includes(event));
    if (queue.length) flush();
  };

  const leave = () => {
    if (!allowed()) { queue = []; return; }
    while (queue.length) {
      let batch = queue.slice(0, BATCH);
      while (batch.length > 1 && body(batch).length > BEACON_BYTES) batch = batch.slice(0, batch.length >> 1);
      if (!navigator.sendBeacon(`${target}?write_key=${encodeURIComponent(data.writeKey || "")}`, body(batch))) return;
      queue = queue.slice(batch.length);
    }
  };

  const page = () => {
    if (lastUrl !== null) referrer = lastUrl;
    add("pageview", { event_title: document.title });
    lastUrl = location.href;
  };
  const moved = () => { if (location.href.split("#")[0] !== (lastUrl || "").split("#")[0]) page(); };
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...words) {
      const result = original.apply(this, words);
      moved();
      return result;
    };
  }
  addEventListener("popstate", moved);
  document.addEventListener("click", (event) => {
    const hit = event.target instanceof Element ? event.target.closest(CLICKABLE) || event.target : null;
    if (!hit) return;
    // Never what was typed into a field.
    const title = hit.dataset.track || hit.getAttribute("aria-label") || (hit.matches("input,textarea,select") ? hit.name : hit.textContent) || "";
    add("click", {
      event_title: title.trim().replace(/\s+/g, " ").slice(0, 100),
      element_id: (hit.id || hit.tagName.toLowerCase()).slice(0, 200), x: event.pageX, y: event.pageY,
    });
  }, true);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") leave(); });
  addEventListener("pagehide", leave);

  window.headwater = {
    page, flush,
    track: (type, payload = {}) => add(type, payload),
    identify: (id, email) => { user = { id, email }; },
    consent: (yes) => {
      keep("consent", yes ? "yes" : "no");
      if (yes) { if (!seen) page(); return; }
      queue = [];
      for (const name of ["visit", "visitor"]) keep(name, null);
      visit = visitor = null;
    },
  };
  page();
})();
