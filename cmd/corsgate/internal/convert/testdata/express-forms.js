const allowed = [/^https:\/\/.*\.example\.com$/];
app.use(cors({ credentials: true, origin(origin, callback) {
  if (!origin) { callback(null, true); return; }
  try { const host = new URL(origin).hostname; if (host.endsWith('example.com')) return callback(null, true) } catch (e) {}
  callback(new Error('x'));
}}));
app.use('/a', cors({ origin: ['https://a.example.com', process.env.X], credentials: true }));
app.use('/b', cors({ origin: process.env.NODE_ENV === 'production' ? 'https://a.example.com' : true, credentials: true }));
app.use('/c', cors({ origin: (o, cb) => cb(null, /\.example\.com$/.test(o)), credentials: true }));
app.use('/d', cors({ origin: (o, cb) => { if (o.startsWith('https://app.')) return cb(null, true); cb(new Error('no')) }, credentials: true }));
app.use('/e', cors({ origin: (o, cb) => cb(null, o), credentials: true }));
app.use('/f', cors({ origin: async (o) => true, credentials: true }));
app.use('/g', cors((req, cb) => { cb(null, { origin: true, credentials: true }) }));
app.use('/h', cors({ origin: '*', credentials: true }));
app.use('/i', cors({ origin: o => allowed.some(r => r.test(o)), credentials: true }));
