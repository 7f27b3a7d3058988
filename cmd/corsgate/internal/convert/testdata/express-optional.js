cors({origin: /^https:\/\/([a-z0-9-]+\.)?example\.com(:\d+)?$/i})
