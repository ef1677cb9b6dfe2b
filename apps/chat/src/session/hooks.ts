import { createHooks } from "@carillon/react";
import type { ChatContract } from "carillon/chat-contract";

/** The hooks of @carillon/react, typed by the contract of the chat. */
export const { CarillonProvider, useConnection, useChannel, useHistory, usePresence, useStateChannel, useCall } =
  createHooks<ChatContract>();
