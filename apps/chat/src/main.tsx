import "@fontsource-variable/figtree/wght.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { openClient } from "./session/chat-client.ts";
import { CarillonProvider } from "./session/hooks.ts";
import { enterByAddress } from "./session/enter.ts";
import { followTheme } from "./session/theme.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/join.css";
import "./styles/layout.css";
import "./styles/messages.css";
import "./styles/composer.css";

const root = document.querySelector("#root");
if (root === null) throw new Error("Expected the element #root in index.html.");

followTheme();
// Before the connection opens: the ticket carries the name.
enterByAddress();
const client = openClient();

createRoot(root).render(
  <StrictMode>
    <CarillonProvider client={client}>
      <App />
    </CarillonProvider>
  </StrictMode>,
);
