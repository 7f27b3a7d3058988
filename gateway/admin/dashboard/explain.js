// The question in the address bar, and its answer. "#explain?origin=…&url=…" is a link to an answer that one can pass on.

import { $, make, pill, set } from "./view.js";

const prefix = "#explain?";

// link returns the address of a question as /refused has it.
export function link(q) {
	const query = new URLSearchParams({ origin: q.origin, url: q.url });
	if (q.method) query.set("method", q.method);
	for (const h of q.headers ?? []) query.append("header", h);
	for (const h of q.response_headers ?? []) query.append("response_header", h);
	if (q.credentials) query.set("credentials", "true");
	return prefix + query;
}

function ask(event) {
	event.preventDefault();
	const f = new FormData(event.target);
	const names = (field) => f.get(field).split(",").map((h) => h.trim()).filter(Boolean);
	const to = link({
		origin: f.get("origin").trim(), url: f.get("url").trim(), method: f.get("method").trim(),
		headers: names("headers"), response_headers: names("response_headers"), credentials: f.has("credentials"),
	});
	if (location.hash === to) answer();
	else location.hash = to;
}

// fill shows the question in the form.
function fill(query) {
	const f = $("question").elements;
	f.origin.value = query.get("origin") ?? "";
	f.url.value = query.get("url") ?? "";
	f.method.value = query.get("method") ?? "";
	f.headers.value = query.getAll("header").join(", ");
	f.response_headers.value = query.getAll("response_header").join(", ");
	f.credentials.checked = query.get("credentials") === "true";
}

async function answer() {
	if (!location.hash.startsWith(prefix)) {
		$("answer").close();
		return;
	}
	const query = new URLSearchParams(location.hash.slice(prefix.length));
	fill(query);
	let text, ok = false;
	try {
		const res = await fetch("explain?" + query);
		[text, ok] = [await res.text(), res.ok];
	} catch {
		text = "The gateway does not respond.";
	}
	if (ok) show(JSON.parse(text));
	else complain(text);
	if (!$("answer").open) $("answer").showModal();
}

function complain(text) {
	pill($("answer-outcome"), "no answer", "warn");
	set($("answer-summary"), text.split("\n")[0]);
	$("answer-body").replaceChildren();
}

const kinds = { allowed: "good", "same-origin": "good", denied: "bad" };

function show(e) {
	pill($("answer-outcome"), e.outcome, kinds[e.outcome] ?? "warn");
	set($("answer-summary"), e.summary);
	const body = [];
	for (const h of e.response_headers) body.push(make("p", h.readable ? "yes" : "no", `${h.name}: ${h.why}`));
	if (e.changes.length > 0) {
		body.push(make("h3", "", e.changes.length > 1 ? "To allow it, all of these" : "To allow it"));
		for (const c of e.changes) {
			body.push(make("div", "change", make("p", "", c.edit), make("p", "mono", `${c.key}, at ${c.place}`), c.warning ? make("p", "warning", c.warning) : null));
		}
	}
	for (const n of e.notes) body.push(make("p", "hint", n));
	const steps = (e.question.credentials ? e.credentialed : e.anonymous).steps;
	if (steps.length > 0) {
		body.push(make("h3", "", "Browser checks"));
		body.push(make("ol", "", ...steps.map((s) => make("li", s.ok ? "yes" : "no", make("span", "", s.text, make("small", "", s.where))))));
	}
	for (const [title, x] of [["The preflight", e.preflight], ["The request", e.actual]]) {
		if (!x) continue;
		const by = x.answered_by === "gateway" ? `answered by the gateway: ${x.status}` : "answered by the upstream";
		body.push(make("h3", "", `${title}, ${by}`), make("pre", "", [...x.request, "", ...x.response].join("\n")));
	}
	const q = e.question;
	body.push(make("p", "hint", [q.method, q.url, "from", q.origin, e.route ? `· route ${e.route.name} (${e.route.place})` : "· no route", e.policy ? `· policy ${e.policy.name} (${e.policy.place})` : ""].join(" ")));
	$("answer-body").replaceChildren(...body);
	$("answer").scrollTop = 0;
}

export function start() {
	$("question").addEventListener("submit", ask);
	$("answer").addEventListener("close", () => {
		if (location.hash.startsWith(prefix)) history.replaceState(null, "", location.pathname);
	});
	$("answer").addEventListener("click", (event) => {
		if (event.target === $("answer")) $("answer").close(); // beside it
	});
	addEventListener("hashchange", answer);
	answer();
}
