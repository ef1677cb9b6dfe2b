import { useEffect, useState, type ReactNode } from "react";
import { useConnection } from "../session/hooks.ts";

/** A cut that is mended so soon is not worth a word, in milliseconds. */
const PATIENCE_MS = 900;
/** The good news is shown for this long, in milliseconds. */
const BACK_MS = 2_500;

type State = "fine" | "connecting" | "offline" | "back";

/** Says how the connection stands, when there is something to say. */
export function Banner({ waiting }: { readonly waiting: number }): ReactNode {
  const { state: connection, isConnected, wasConnected } = useConnection();
  const isOnline = useIsOnline();
  const state = useBannerState(isConnected, wasConnected);
  const isBack = state === "back";
  return (
    <div id="status" className="status" role="status" data-state={connection}>
      {state !== "fine" && (
        <p className={`banner ${isBack ? "is-back" : "is-trying"}`} data-connection={state}>
          <span className="dot" aria-hidden="true" />
          <span>
            {isBack && "You’re back."}
            {state === "connecting" && "Connecting…"}
            {state === "offline" && (isOnline ? "The connection is lost. Trying to come back…" : "You’re offline.")}
            {!isBack && waiting === 0 && wasConnected && " What you write is sent when you’re back."}
            {!isBack && waiting > 0 && ` ${waiting} ${waiting === 1 ? "message waits" : "messages wait"} to be sent.`}
          </span>
        </p>
      )}
    </div>
  );
}

function useBannerState(isConnected: boolean, wasConnected: boolean): State {
  const [state, setState] = useState<State>("fine");
  useEffect(() => {
    if (!isConnected) {
      const timer = setTimeout(() => setState(wasConnected ? "offline" : "connecting"), PATIENCE_MS);
      return () => clearTimeout(timer);
    }
    setState((before) => (before === "offline" ? "back" : "fine"));
    const timer = setTimeout(() => setState("fine"), BACK_MS);
    return () => clearTimeout(timer);
  }, [isConnected, wasConnected]);
  return state;
}

function useIsOnline(): boolean {
  const [isOnline, setIsOnline] = useState(navigator.onLine);
  useEffect(() => {
    const changed = (): void => setIsOnline(navigator.onLine);
    addEventListener("online", changed);
    addEventListener("offline", changed);
    return () => {
      removeEventListener("online", changed);
      removeEventListener("offline", changed);
    };
  }, []);
  return isOnline;
}
