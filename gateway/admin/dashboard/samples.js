// What the gateway has counted, as it was asked again and again. A sample is what /status says.

const kept = 130; // seconds
const samples = [];

export function add(sample) {
	const at = Date.parse(sample.now);
	const last = samples.at(-1);
	if (last && last.started !== sample.started) samples.length = 0; // another process: it counts from 0
	samples.push({ ...sample, at });
	while (samples[0].at < at - kept * 1000) samples.shift();
}

export const now = () => samples.at(-1);

// before returns the sample of that many seconds ago, or the oldest.
function before(seconds) {
	const from = now().at - seconds * 1000;
	return samples.findLast((s) => s.at <= from) ?? samples[0];
}

const matches = (row, labels) => Object.entries(labels).every(([k, v]) => row.labels[k] === v);
const rows = (sample, name) => sample.metrics[name] ?? [];

// total returns the sum of a metric's series that have the labels.
export function total(name, labels = {}, sample = now()) {
	let sum = 0;
	for (const row of rows(sample, name)) if (matches(row, labels)) sum += row.value ?? row.count;
	return sum;
}

// rate returns how much that has grown in a second, of late.
export function rate(name, labels = {}, seconds = 5) {
	const old = before(seconds), span = (now().at - old.at) / 1000;
	return span > 0 ? Math.max(0, total(name, labels) - total(name, labels, old)) / span : 0;
}

// history returns the rates of the last two minutes, oldest first.
export function history(name) {
	const list = [];
	for (let i = 1; i < samples.length; i++) {
		const span = (samples[i].at - samples[i - 1].at) / 1000;
		if (span > 0) list.push(Math.max(0, total(name, {}, samples[i]) - total(name, {}, samples[i - 1])) / span);
	}
	return list;
}

// quantile returns a quantile of a histogram, in seconds, of the last half minute, or null if nothing was observed.
export function quantile(name, q, labels = {}, seconds = 30) {
	const old = before(seconds), bounds = new Map();
	const take = (sample, sign) => {
		for (const row of rows(sample, name)) {
			if (!matches(row, labels)) continue;
			for (const [bound, count] of row.buckets) bounds.set(bound, (bounds.get(bound) ?? 0) + sign * count);
		}
	};
	take(now(), 1);
	if (old !== now()) take(old, -1);
	const list = [...bounds].map(([b, n]) => [b === "+Inf" ? Infinity : Number(b), n]).sort((a, b) => a[0] - b[0]);
	const all = list.at(-1)?.[1] ?? 0;
	if (all <= 0) return null;
	let low = 0, below = 0;
	for (const [bound, count] of list) {
		if (count >= q * all) {
			if (bound === Infinity) return low;
			return low + (bound - low) * ((q * all - below) / Math.max(1, count - below));
		}
		[low, below] = [bound, count];
	}
	return low;
}

// labels returns the values that a label has.
export function values(name, label) {
	return [...new Set(rows(now(), name).map((row) => row.labels[label]))];
}

export const series = (name) => rows(now(), name);
