const express = require('express'); const cors = require('cors');
const app = express();
app.use(cors({
  origin: ['http://localhost:3000', /\.example\.com$/, 'https://app.test'],
  methods: ['GET', 'PUT'],
  allowedHeaders: 'Content-Type,Authorization',
  exposedHeaders: ['X-Total'],
  credentials: true,
  maxAge: 600,
  optionsSuccessStatus: 200, // old browsers
}));
