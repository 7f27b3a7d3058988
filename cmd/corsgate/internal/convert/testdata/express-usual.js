const express = require('express')
const cors = require('cors')
const app = express()

// app.use(cors())
const corsOptions = {
  origin: ['http://localhost:3000', 'https://app.example.com', /\.example\.org$/, /^https:\/\/pr-.+\.preview\.example\.com$/],
  methods: 'GET,PUT,DELETE',
  allowedHeaders: ['Content-Type', 'Authorization'],
  exposedHeaders: ['X-Total', 'Set-Cookie'],
  credentials: true, // cookies
  maxAge: 600,
  optionsSuccessStatus: 200 // some legacy browsers (IE11, various SmartTVs) choke on 204
}

app.use(cors(corsOptions))
app.options('*', cors())
app.listen(3000)
