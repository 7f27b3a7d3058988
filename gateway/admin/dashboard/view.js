// Small things to show with. All that comes from outside becomes text, never markup.

export const $ = (id) => document.getElementById(id);

// make returns an element with a class and children, which are elements or text.
export function make(tag, className, ...children) {
	const e = document.createElement(tag);
	if (className) e.className = className;
	e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
	return e;
}

// set changes the text of an element if it differs: what is selected stays selected.
export function set(e, text) {
	if (e.textContent !== String(text)) e.textContent = text;
}

// pill marks an element as good, bad or neither.
export function pill(e, text, kind = "") {
	set(e, text);
	e.className = "pill " + kind;
}

// keyed makes the children of list those of items, in order, and keeps those that are there already.
export function keyed(list, items, keyOf, create, update) {
	const have = new Map([...list.children].map((e) => [e.dataset.key, e]));
	items.forEach((item, i) => {
		const key = keyOf(item);
		let e = have.get(key);
		if (!e) {
			e = create(item);
			e.dataset.key = key;
		}
		have.delete(key);
		update(e, item);
		if (list.children[i] !== e) list.insertBefore(e, list.children[i] ?? null);
	});
	for (const e of have.values()) e.remove();
}

// part returns the child of a row of that class.
export const part = (e, className) => e.querySelector("." + className);

export function number(n) {
	if (n >= 1e6) return (n / 1e6).toFixed(n < 1e7 ? 2 : 1) + "M";
	if (n >= 1e4) return (n / 1e3).toFixed(n < 1e5 ? 1 : 0) + "k";
	if (n >= 100 || Number.isInteger(n)) return Math.round(n).toLocaleString("en");
	return n.toFixed(n < 10 ? 2 : 1);
}

export function seconds(s) {
	if (s === null) return "–";
	if (s < 1e-3) return (s * 1e6).toFixed(s < 1e-5 ? 1 : 0) + " µs";
	if (s < 1) return (s * 1e3).toFixed(s < 1e-2 ? 2 : s < 1e-1 ? 1 : 0) + " ms";
	return s.toFixed(2) + " s";
}

export function percent(share) {
	if (!Number.isFinite(share)) return "–";
	const p = 100 * share;
	return (p === 0 || p >= 99.95 ? p.toFixed(0) : p < 0.01 ? "<0.01" : p.toFixed(p < 1 ? 2 : 1)) + " %";
}

// span says how long something is, roughly.
export function span(milliseconds) {
	const s = Math.max(0, Math.round(milliseconds / 1000));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
