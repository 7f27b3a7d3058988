import cors from "cors";

const whitelist = ["https://a.example.com", "https://b.example.com/"];
app.use(
  cors({
    origin: function (origin, callback) {
      if (whitelist.indexOf(origin) !== -1 || !origin) {
        callback(null, true);
      } else {
        callback(new Error("Not allowed by CORS"));
      }
    },
    credentials: true,
  })
);

app.use('/open', cors({ origin: (origin, callback) => callback(null, true), credentials: true }));
app.use('/reflect', cors({ origin: true, credentials: true }));
app.use('/env', cors({ origin: process.env.ORIGIN || 'http://localhost:3000', ...rest }));
app.use('/one', cors(optionsDelegate));
