// The dashboard: it asks /status every second, and what changes less often more rarely.

import * as samples from "./samples.js";
import * as explain from "./explain.js";
import { $, keyed, make, number, part, percent, pill, seconds, set, span } from "./view.js";

const { rate, total, quantile } = samples;
const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];

function tiles() {
	const requests = rate("requests_total");
	set($("requests"), number(requests));
	set($("latency"), seconds(quantile("request_duration_seconds", 0.5)));
	set($("latency-p99"), seconds(quantile("request_duration_seconds", 0.99)));
	set($("own"), seconds(quantile("overhead_seconds", 0.5)));
	set($("own-p99"), seconds(quantile("overhead_seconds", 0.99)));
	set($("preflights"), number(rate("preflights_total")));
	set($("hits"), percent(total("preflights_total", { cache: "hit" }) / total("preflights_total")));
	set($("failures"), percent(requests > 0 ? rate("requests_total", { code_class: "5xx" }) / requests : 0));
	set($("refusals"), percent(requests > 0 ? rate("requests_total", { code_class: "4xx" }) / requests : 0));
	set($("connections"), number(total("connections")));
	set($("in-flight"), number(total("in_flight")));
	const tunnels = total("tunnels");
	set($("tunnels"), tunnels > 0 ? `, ${plural(tunnels, "tunnel")}` : "");
	const share = (labels) => percent(requests > 0 ? Math.min(1, rate("multiplexed_requests_total", labels) / requests) : 0);
	set($("multiplexed"), share({}));
	set($("quic"), share({ protocol: "HTTP/3.0" }));
	set($("streams"), number(total("streams")));
	const line = samples.history("requests_total").slice(-120), most = Math.max(1, ...line);
	$("requests-line").firstElementChild.setAttribute("points",
		line.map((v, i) => `${(120 - line.length + i + 1).toFixed(1)},${(23 - 22 * (v / most)).toFixed(1)}`).join(" "));
}

function head() {
	const s = samples.now();
	pill($("state"), s.ready ? "serving" : "draining", s.ready ? "good" : "warn");
	set($("about"), `${s.version} · up ${span(s.at - Date.parse(s.started))} · configuration ${s.generation}`);
	$("lost").hidden = true;
	$("reload-error").hidden = !s.reload_error;
	set(part(document, "banner pre"), s.reload_error ?? "");
}

function row(title) {
	return make("li", "row", make("span", "title", title), make("span", "figure"), make("div", "detail"));
}

const plural = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;

// verdicts fills a row with what a policy has said.
function verdicts(e, policy) {
	const of = (name, more) => total(name, { policy, ...more });
	const yes = of("preflights_total", { verdict: "allowed" }) + of("actual_total", { verdict: "allowed" });
	const no = of("preflights_total", { verdict: "denied" }) + of("actual_total", { verdict: "denied" });
	const [allowed, denied] = part(e, "bar").children;
	allowed.style.width = `${(100 * yes) / Math.max(1, yes + no)}%`;
	denied.style.width = `${(100 * no) / Math.max(1, yes + no)}%`;
	set(part(e, "figure"), `${number(yes)} allowed, ${number(no)} denied`);
	const reasons = samples.series("preflights_total").filter((r) => r.labels.policy === policy && r.labels.verdict === "denied" && r.value > 0)
		.map((r) => ({ name: r.labels.reason, n: r.value }));
	const unread = of("actual_total", { verdict: "denied" });
	if (unread > 0) reasons.push({ name: "responses not shared", n: unread });
	const forged = of("csrf_total");
	if (forged > 0) reasons.push({ name: "csrf", n: forged });
	keyed(part(e, "detail"), reasons.sort((a, b) => b.n - a.n), (r) => r.name, () => make("span"), (s, r) => set(s, `${r.name} ${number(r.n)}`));
}

function policies() {
	const names = [...new Set([...samples.values("preflights_total", "policy"), ...samples.values("actual_total", "policy")])].sort();
	keyed($("policies"), names, (n) => n, (n) => {
		const e = row(n);
		e.append(make("div", "bar", make("i"), make("i")));
		return e;
	}, verdicts);
}

function routes() {
	const names = samples.values("requests_total", "route").sort((a, b) => (a === "") - (b === "") || a.localeCompare(b));
	const seen = names.filter((route) => route !== "" || total("requests_total", { route }) > 0);
	keyed($("routes"), seen, (n) => n, (n) => row(n || "no route"), (e, route) => {
		set(part(e, "figure"), `${number(rate("requests_total", { route }))} /s`);
		const bits = classes.map((c) => [c, total("requests_total", { route, code_class: c })]).filter(([, n]) => n > 0).map(([c, n]) => `${c} ${number(n)}`);
		const p99 = quantile("request_duration_seconds", 0.99, { route });
		if (p99 !== null) bits.push(`p99 ${seconds(p99)}`);
		keyed(part(e, "detail"), bits, (b) => b.split(" ")[0], () => make("span"), set);
	});
}

// conditions are those of an endpoint, with how they look.
const conditions = { healthy: "good", unhealthy: "bad", "failing (in use: no other is left)": "bad", "not checked": "" };

function condition(healthy, failing, checked) {
	if (failing > 0) return "failing (in use: no other is left)";
	if (healthy === 1) return checked ? "healthy" : "not checked";
	return healthy === 0 ? "unhealthy" : `${percent(healthy)} healthy`;
}

function upstreams() {
	const list = samples.series("upstream_in_flight").map((r) => r.labels).sort((a, b) => (a.upstream + a.endpoint).localeCompare(b.upstream + b.endpoint));
	keyed($("upstreams"), list, (l) => `${l.upstream} ${l.endpoint}`, (l) => row(l.endpoint), (e, l) => {
		const labels = { upstream: l.upstream, endpoint: l.endpoint };
		set(part(e, "figure"), `${number(rate("upstream_requests_total", labels))} /s`);
		const bits = [["upstream", l.upstream], ["in flight", number(total("upstream_in_flight", labels))]];
		const failed = total("upstream_requests_total", { ...labels, code_class: "5xx" });
		if (failed > 0) bits.push(["5xx", number(failed)]);
		for (const r of samples.series("upstream_discovered")) {
			if (r.labels.upstream === l.upstream && r.labels.endpoint === l.endpoint) bits.push(["servers", plural(r.value, "server")]);
		}
		for (const [name, word] of [["upstream_lookup_failures_total", "look-ups failed"], ["upstream_ejections_total", "ejected"]]) {
			const n = total(name, labels);
			if (n > 0) bits.push([word, `${word} ${number(n)}`]);
		}
		if (samples.series("upstream_healthy").some((r) => r.labels.upstream === l.upstream && r.labels.endpoint === l.endpoint)) {
			bits.push(["", condition(total("upstream_healthy", labels), total("upstream_failing", labels), total("upstream_checked", labels))]);
		}
		keyed(part(e, "detail"), bits, ([k]) => k, () => make("span"), (s, [k, v]) => {
			if (k === "") pill(s, v, conditions[v] ?? "warn");
			else set(s, k === "in flight" ? `${v} in flight` : v.startsWith(k) || k === "servers" ? v : `${k} ${v}`);
		});
	});
}

// losing are the metrics of the list of what was refused and lost: what each is called, and the labels that say more of it.
const losing = [
	["shed_total", "no room", "reason"],
	["auth_total", "auth", "auth", "reason"],
	["auth_keys_fetches_total", "auth: keys", "auth", "result"],
	["limited_total", "limit", "limit", "kind"],
	["limit_evictions_total", "rate limit keys dropped", "limit"],
	["malformed_total", "malformed", "class"],
	["http2_floods_total", "HTTP/2: connections closed for", "kind"],
	["http2_refused_streams_total", "HTTP/2: streams refused"],
	["http2_resets_total", "HTTP/2: streams reset,", "code"],
	["tls_handshake_errors_total", "TLS", "reason"],
	["proxy_protocol_errors_total", "PROXY protocol", "reason"],
	["upstream_failures_total", "upstream", "upstream", "class"],
	["mirror_total", "mirror", "route", "outcome"],
	["access_log_dropped_total", "access log: lines dropped"],
	["trace_spans_dropped_total", "traces: spans dropped"],
];

// usual says of what is counted in losing that nothing was lost.
function usual(name, labels) {
	switch (name) {
		case "auth_total": return labels.verdict === "admitted";
		case "auth_keys_fetches_total": return labels.result !== "failed";
		case "mirror_total": return labels.outcome === "answered";
		case "http2_resets_total": return labels.by === "client" || labels.code === "NO_ERROR" || labels.code === "REFUSED_STREAM";
	}
	return false;
}

function losses() {
	const list = losing.flatMap(([name, title, ...labels]) => samples.series(name)
		.filter((r) => r.value > 0 && !usual(name, r.labels))
		.map((r) => ({ name, title: [title, ...labels.map((l) => r.labels[l])].join(" "), labels: r.labels, n: r.value })));
	keyed($("losses"), list.sort((a, b) => b.n - a.n), (l) => l.title, (l) => row(l.title), (e, l) => {
		set(part(e, "figure"), number(l.n));
		const of = rate(l.name, l.labels, 30);
		keyed(part(e, "detail"), of > 0 ? [`${number(of)} /s recently`] : [], () => "", () => make("span"), set);
	});
}

function configuration() {
	const s = samples.now();
	const facts = [["File", s.file], ...(s.revision ? [["Fleet revision", s.revision]] : []), ["Generation", String(s.generation)], ["Active for", span(s.at - Date.parse(s.loaded))],
		["Last reload", s.reload_error ? "failed" : s.generation > 1 ? "succeeded" : "none yet"],
		["Preflight cache", plural(total("preflight_cache_entries"), "answer")]];
	for (const r of samples.series("certificate_expiry_seconds")) {
		facts.push([`Certificate ${r.labels.name}`, r.value > 0 ? `${span(1000 * r.value)} left` : "has expired"]);
	}
	for (const r of samples.series("acme_failures")) {
		if (r.value > 0) facts.push([`Renewing ${r.labels.name}`, `${plural(r.value, "attempt")} failed: see the log`]);
	}
	keyed($("configuration"), facts.flatMap(([k, v]) => [["dt", k, k], ["dd", k, v]]), ([tag, k]) => tag + k, ([tag]) => make(tag), (e, [, , text]) => set(e, text));
}

const ago = (time) => span(samples.now().at - Date.parse(time)) + " ago";

async function refused() {
	const list = await get("refused");
	keyed($("refused"), list.slice(0, 50), (r) => JSON.stringify([r.route, r.origin, r.refused, r.reason]), (r) => row(r.origin || "no origin"), (e, r) => {
		set(part(e, "figure"), (r.over > 0 ? "≤ " : "") + number(r.count));
		const detail = part(e, "detail");
		if (!detail.firstChild) {
			const why = make("a", "why", "Why, and the fix");
			why.href = explain.link(r.example);
			detail.append(make("span"), make("span"), make("span"));
			detail.after(why);
		}
		[`${r.refused}: ${r.reason}`, r.route ? `policy ${r.policy}, route ${r.route}` : r.limit || "no route", ago(r.last)].forEach((text, i) => set(detail.children[i], text));
	});
}

async function shadows() {
	const list = await get("shadow");
	keyed($("shadows"), list.slice(0, 50), (d) => JSON.stringify([d.route, d.origin, d.change]), (d) => row(d.origin), (e, d) => {
		set(part(e, "figure"), (d.over > 0 ? "≤ " : "") + number(d.count));
		const bits = [d.change.replaceAll("-", " "), d.reason, `${d.policy} → ${d.shadow}`, `route ${d.route}`, ago(d.last)].filter(Boolean);
		keyed(part(e, "detail"), bits.map((b, i) => [String(i), b]), ([i]) => i, () => make("span"), (s, [, b]) => set(s, b));
	});
}

async function config() {
	if ($("config").open) set(part(document, "card details pre"), JSON.stringify(await get("config"), null, 2));
}

async function get(path) {
	const res = await fetch(path, { signal: AbortSignal.timeout(5000) });
	if (!res.ok) throw new Error(`${path}: ${res.status}`);
	return res.json();
}

let turn = 0;

async function refresh() {
	try {
		if (!document.hidden || turn === 0) {
			samples.add(await get("status"));
			for (const show of [head, tiles, policies, routes, upstreams, losses, configuration]) show();
			if (turn++ % 3 === 0) await Promise.all([refused(), shadows(), config()]);
		}
		document.documentElement.dataset.turns = turn;
	} catch (e) {
		console.error(e);
		pill($("state"), "lost", "bad");
		$("lost").hidden = false;
	}
	setTimeout(refresh, 1000);
}

$("config").addEventListener("toggle", config);
explain.start();
refresh();
